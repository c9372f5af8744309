internal import CSocketSystem
internal import Glibc

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

    /// Waits for events, epoll_wait(2): for so many milliseconds, or for ever if they are -1.
    ///
    /// - Returns: How many events there are; zero after the time-out and after a signal.
    /// - Throws: What epoll_wait(2) fails with.
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
