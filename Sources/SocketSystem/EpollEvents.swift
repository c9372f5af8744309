internal import CSocketSystem

/// What a descriptor is ready for, or watched for, in epoll's own bits, epoll_ctl(2).
///
/// No `OptionSet`: a literal of one takes thousands of instructions in another module, because its
/// generic code is not specialised there, and each connection has several.
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
    package static var exclusive: EpollEvents { .init(rawValue: EPOLLEXCLUSIVE.rawValue) }
    package static var oneShot: EpollEvents { .init(rawValue: EPOLLONESHOT.rawValue) }

    /// What is in either.
    package static func | (first: EpollEvents, second: EpollEvents) -> EpollEvents {
        EpollEvents(rawValue: first.rawValue | second.rawValue)
    }

    /// Whether any of some events is among these.
    package func hasAny(of events: EpollEvents) -> Bool { rawValue & events.rawValue != 0 }
}
