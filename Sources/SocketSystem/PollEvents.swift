internal import Glibc

/// What a descriptor is ready for, or watched for, in poll's own bits, poll(2).
package struct PollEvents: Hashable, Sendable {
    package let rawValue: Int16

    package init(rawValue: Int16) { self.rawValue = rawValue }

    package static var readable: PollEvents { .init(rawValue: Int16(POLLIN)) }
    package static var writable: PollEvents { .init(rawValue: Int16(POLLOUT)) }
    package static var priority: PollEvents { .init(rawValue: Int16(POLLPRI)) }
    package static var error: PollEvents { .init(rawValue: Int16(POLLERR)) }
    package static var hangUp: PollEvents { .init(rawValue: Int16(POLLHUP)) }
    /// The number is no open descriptor.
    package static var invalid: PollEvents { .init(rawValue: Int16(POLLNVAL)) }
    /// None.
    package static var nothing: PollEvents { .init(rawValue: 0) }

    /// What is in either.
    package static func | (first: PollEvents, second: PollEvents) -> PollEvents {
        PollEvents(rawValue: first.rawValue | second.rawValue)
    }

    /// Whether any of some events is among these.
    package func hasAny(of events: PollEvents) -> Bool { rawValue & events.rawValue != 0 }
}
