internal import CSocketSystem
internal import Glibc

/// The list of descriptors that goes to the kernel, whole, with every poll(2).
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

    /// Waits until an entry is ready, poll(2): for so many milliseconds, or for ever if they are
    /// -1.
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
