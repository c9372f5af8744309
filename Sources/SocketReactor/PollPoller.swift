package import SocketSystem
internal import Synchronization

/// Waits with poll(2), level-triggered.
///
/// The list of descriptors goes to the kernel with every wait, which looks at each of them: the
/// cost of a wait grows with what is watched, not with what happens.
package final class PollPoller: Poller {
    /// What is to be watched. Any thread changes it.
    private let watched = Mutex(Watched())
    /// What the kernel is given: a copy, for the time without the lock.
    // SAFETY: the loop's thread alone touches it.
    @exclusivity(unchecked)
    private nonisolated(unsafe) var current = Entries()

    fileprivate struct Watched {
        var entries = Entries()
        /// Where a descriptor's entry is, by its number; -1 where it has none.
        var positions: [Int32] = []
        /// Whether `current` is out of date.
        var hasChanged = false
    }

    /// Parallel lists. A descriptor that is watched for nothing is in neither: poll(2) reports
    /// hang-up whether asked or not, and again and again.
    fileprivate struct Entries {
        var list = PollList()
        var keys: [UInt64] = []
    }

    package init() {}

    package var isEdgeTriggered: Bool { false }

    /// A thread that is inside poll(2) waits for what it was given.
    package var needsWakeAfterChange: Bool { true }

    package func add(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {
        try checkWatchable(descriptor)
        watched.withLock { $0.set(descriptor, key: key, interest) }
    }

    package func update(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {
        watched.withLock { $0.set(descriptor, key: key, interest) }
    }

    package func remove(_ descriptor: CInt) {
        watched.withLock { $0.set(descriptor, key: 0, []) }
    }

    package func poll(milliseconds: CInt, into events: inout [ReadyEvent]) throws(Errno) {
        // SAFETY: the loop's thread.
        unsafe refresh(&current)
        try unsafe wait(&current, milliseconds: milliseconds, into: &events)
    }

    private func refresh(_ current: inout Entries) {
        watched.withLock { watched in
            guard watched.hasChanged else { return }
            watched.hasChanged = false
            current = watched.entries
        }
    }

    private func wait(
        _ current: inout Entries,
        milliseconds: CInt,
        into events: inout [ReadyEvent]
    ) throws(Errno) {
        var count = try current.list.wait(milliseconds: milliseconds)
        var index = 0
        while count > 0, let (ready, kernelEvents) = current.list.firstReady(from: index) {
            events.append(
                ReadyEvent(key: current.keys[ready], readiness: readiness(from: kernelEvents))
            )
            index = ready + 1
            count -= 1
        }
    }
}

extension PollPoller.Watched {
    fileprivate mutating func set(_ descriptor: CInt, key: UInt64, _ interest: Interest) {
        let number = Int(descriptor)
        if number >= positions.count {
            if interest.isEmpty { return }
            let missing = max(number + 1, 2 * positions.count) - positions.count
            positions.append(contentsOf: repeatElement(-1, count: missing))
        }
        let position = Int(positions[number])
        if interest.isEmpty {
            if position < 0 { return }
            remove(at: position)
            positions[number] = -1
        } else if position < 0 {
            positions[number] = Int32(entries.keys.count)
            entries.list.append(descriptor, events(for: interest))
            entries.keys.append(key)
        } else {
            entries.list.set(events(for: interest), at: position)
            entries.keys[position] = key
        }
        hasChanged = true
    }

    private mutating func remove(at position: Int) {
        if let moved = entries.list.remove(at: position) { positions[Int(moved)] = Int32(position) }
        let last = entries.keys.removeLast()
        if position < entries.keys.count { entries.keys[position] = last }
    }
}

private func events(for interest: Interest) -> PollEvents {
    let reading: PollEvents = interest.contains(.read) ? .readable | .priority : .nothing
    return interest.contains(.write) ? reading | .writable : reading
}

private func readiness(from events: PollEvents) -> Readiness {
    if events == .readable { return .read }
    let ended = events.hasAny(of: .hangUp | .error | .invalid)
    var readiness: Readiness = []
    if ended || events.hasAny(of: .readable | .priority) { readiness.formUnion(.read) }
    if ended || events.hasAny(of: .writable) { readiness.formUnion(.write) }
    if ended { readiness.formUnion([.eagerRead, .eagerWrite]) }
    return readiness
}
