internal import CSocketSystem
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

/// The list that goes to the kernel, whole, with every poll(2).
package struct PollList: Sendable {
    private var entries: [pollfd] = []

    package init() {}

    package mutating func append(_ descriptor: CInt, _ events: PollEvents) {
        entries.append(pollfd(fd: descriptor, events: events.rawValue, revents: 0))
    }

    package mutating func set(_ events: PollEvents, at index: Int) {
        entries[index].events = events.rawValue
    }

    /// Puts the last entry in the place of the one that goes.
    ///
    /// - Returns: The descriptor that has a new place, if there is one.
    package mutating func remove(at index: Int) -> CInt? {
        let last = entries.removeLast()
        guard index < entries.count else { return nil }
        entries[index] = last
        return last.fd
    }

    /// Waits as many milliseconds, -1 for as long as it takes.
    ///
    /// - Returns: How many entries are ready; zero after the time-out and after a signal.
    /// - Throws: What poll(2) fails with.
    package mutating func wait(milliseconds: CInt) throws(Errno) -> Int {
        let count = unsafe entries.withUnsafeMutableBufferPointer { entries in
            // SAFETY: the kernel writes into the entries that there are.
            unsafe csock_poll(entries.baseAddress, entries.count, milliseconds)
        }
        if count == -EINTR { return 0 }
        return Int(try check(count))
    }

    /// The first entry from `start` on that `wait` found ready.
    package func firstReady(from start: Int) -> (index: Int, events: PollEvents)? {
        var index = start
        while index < entries.count {
            let events = entries[index].revents
            if events != 0 { return (index, PollEvents(rawValue: events)) }
            index += 1
        }
        return nil
    }
}

/// Lets the thread sleep.
package func pauseThread(milliseconds: CInt) {
    _ = csock_poll(nil, 0, milliseconds)
}
