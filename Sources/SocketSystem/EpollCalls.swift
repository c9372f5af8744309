internal import CSocketSystem
internal import Glibc

/// What a descriptor is ready for, or watched for, in epoll's own bits, epoll_ctl(2).
///
/// No `OptionSet`: a literal of one takes thousands of instructions in another module, where its
/// generic code is not specialised, and each connection has several.
package struct EpollEvents: Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static var readable: EpollEvents { .init(rawValue: EPOLLIN.rawValue) }
    package static var writable: EpollEvents { .init(rawValue: EPOLLOUT.rawValue) }
    package static var priority: EpollEvents { .init(rawValue: EPOLLPRI.rawValue) }
    package static var peerClosed: EpollEvents { .init(rawValue: EPOLLRDHUP.rawValue) }
    package static var error: EpollEvents { .init(rawValue: EPOLLERR.rawValue) }
    package static var hangUp: EpollEvents { .init(rawValue: EPOLLHUP.rawValue) }
    package static var edgeTriggered: EpollEvents { .init(rawValue: EPOLLET.rawValue) }
    package static var oneShot: EpollEvents { .init(rawValue: EPOLLONESHOT.rawValue) }

    /// What is in either.
    package static func | (first: EpollEvents, second: EpollEvents) -> EpollEvents {
        EpollEvents(rawValue: first.rawValue | second.rawValue)
    }

    /// Whether any of some events is among these.
    package func hasAny(of events: EpollEvents) -> Bool { rawValue & events.rawValue != 0 }
}

/// An epoll instance, epoll_create1(2).
package func openEpoll() throws(Errno) -> Descriptor {
    Descriptor(owning: try check(csock_epoll_create()))
}

/// Watches a descriptor under a key that its events will carry, epoll_ctl(2).
package func epollAdd(
    _ epoll: CInt,
    _ descriptor: CInt,
    _ events: EpollEvents,
    key: UInt64
) throws(Errno) {
    try check(csock_epoll_control(epoll, EPOLL_CTL_ADD, descriptor, events.rawValue, key))
}

/// Changes what a descriptor is watched for; readiness that is there already is reported again.
package func epollModify(
    _ epoll: CInt,
    _ descriptor: CInt,
    _ events: EpollEvents,
    key: UInt64
) throws(Errno) {
    try check(csock_epoll_control(epoll, EPOLL_CTL_MOD, descriptor, events.rawValue, key))
}

/// Watches a descriptor no more.
package func epollRemove(_ epoll: CInt, _ descriptor: CInt) throws(Errno) {
    try check(csock_epoll_control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0))
}

/// The memory that epoll_wait(2) writes its events to.
@safe
package struct EpollEventBuffer: ~Copyable, @unchecked Sendable {
    private let events: UnsafeMutableBufferPointer<epoll_event>

    /// Room for `capacity` events a call.
    package init(capacity: Int) {
        // SAFETY: freed once, by deinit; read only below the count that a call returned.
        unsafe events = .allocate(capacity: capacity)
        unsafe events.initialize(repeating: epoll_event())
    }

    deinit {
        // SAFETY: allocated by init.
        unsafe events.deallocate()
    }

    /// Waits for events, for as long as it takes where the time is -1; how many there are. Zero
    /// after the time-out and after a signal.
    package func wait(_ epoll: CInt, milliseconds: CInt) throws(Errno) -> Int {
        // SAFETY: the kernel writes at most `capacity` events.
        let count = unsafe csock_epoll_wait(
            epoll,
            events.baseAddress,
            CInt(events.count),
            milliseconds
        )
        if count == -EINTR { return 0 }
        return Int(try check(count))
    }

    /// The event at an index below the count that `wait` returned.
    package subscript(index: Int) -> (key: UInt64, events: EpollEvents) {
        // SAFETY: the subscript checks the bounds in debug builds; the caller stays below count.
        let event = unsafe events[index]
        return (unsafe event.data.u64, EpollEvents(rawValue: unsafe event.events))
    }
}
