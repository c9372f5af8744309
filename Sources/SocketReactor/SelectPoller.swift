package import SocketSystem
internal import Synchronization

/// Waits with select(2), level-triggered.
///
/// As with poll(2), all that is watched goes to the kernel with every wait; and no descriptor may
/// be 1024 or more.
package final class SelectPoller: Poller {
    /// What is to be watched. Any thread changes it.
    private let watched = Mutex(Watched())
    /// What the kernel is given: a copy, for the time without the lock.
    // SAFETY: the loop's thread alone touches it.
    @exclusivity(unchecked)
    private nonisolated(unsafe) var current = Entries()

    fileprivate struct Watched {
        var entries = Entries()
        /// Whether `current` is out of date.
        var hasChanged = false
    }

    fileprivate struct Entries {
        var reading = DescriptorSet()
        var writing = DescriptorSet()
        /// Watched for errors alone.
        var failing = DescriptorSet()
        /// By descriptor.
        var keys = [UInt64](repeating: 0, count: Int(DescriptorSet.capacity))
    }

    package init() {}

    package var isEdgeTriggered: Bool { false }

    /// A thread that is inside select(2) waits for what it was given.
    package var needsWakeAfterChange: Bool { true }

    package func add(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {
        guard descriptor < DescriptorSet.capacity else { throw .processDescriptorLimit }
        try checkWatchable(descriptor)
        watched.withLock { $0.set(descriptor, key: key, interest) }
    }

    package func update(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {
        guard descriptor < DescriptorSet.capacity else { throw .processDescriptorLimit }
        watched.withLock { $0.set(descriptor, key: key, interest) }
    }

    package func remove(_ descriptor: CInt) {
        guard descriptor < DescriptorSet.capacity else { return }
        watched.withLock { $0.set(descriptor, key: 0, []) }
    }

    package func poll(milliseconds: CInt, into events: inout [ReadyEvent]) throws(Errno) {
        // SAFETY: the loop's thread.
        unsafe refresh(&current)
        try unsafe wait(current, milliseconds: milliseconds, into: &events)
    }

    private func refresh(_ current: inout Entries) {
        watched.withLock { watched in
            guard watched.hasChanged else { return }
            watched.hasChanged = false
            current = watched.entries
        }
    }

    private func wait(
        _ current: borrowing Entries,
        milliseconds: CInt,
        into events: inout [ReadyEvent]
    ) throws(Errno) {
        var (readable, writable, urgent) = (
            current.reading, current.writing, current.reading.union(current.failing)
        )
        do throws(Errno) {
            let count = try selectReady(
                &readable,
                &writable,
                &urgent,
                milliseconds: current.limited(milliseconds)
            )
            if count == 0 { return }
        } catch {
            if error != .badDescriptor { throw error }
            return reportInvalid(current, into: &events)
        }
        readable = readable.union(urgent)
        let ready = readable.union(writable)
        var next = ready.first(from: 0)
        while let descriptor = next {
            var readiness: Readiness = []
            if readable.contains(descriptor) { readiness.formUnion(.read) }
            if writable.contains(descriptor) { readiness.formUnion(.write) }
            events.append(
                ReadyEvent(key: current.keys[Int(descriptor)], readiness: readiness)
            )
            next = ready.first(from: descriptor + 1)
        }
    }

    /// select(2) says that some descriptor is closed, not which: find it, or the next call would
    /// fail as this one did.
    private func reportInvalid(_ current: borrowing Entries, into events: inout [ReadyEvent]) {
        let watched = current.reading.union(current.writing).union(current.failing)
        var next = watched.first(from: 0)
        while let descriptor = next {
            if !isOpen(descriptor) {
                let all: Readiness = [.read, .write, .eagerRead, .eagerWrite]
                events.append(ReadyEvent(key: current.keys[Int(descriptor)], readiness: all))
            }
            next = watched.first(from: descriptor + 1)
        }
    }
}

extension SelectPoller.Entries {
    /// How long to wait, if it is to be so many milliseconds; -1 is for ever.
    ///
    /// A queued error is exceptional when select(2) looks, but does not end its wait: the kernel
    /// wakes those who wait for reading or writing alone then. So it must look again now and then.
    fileprivate func limited(_ milliseconds: CInt) -> CInt {
        if failing.extent == 0 || 0...20 ~= milliseconds { return milliseconds }
        return 20
    }
}

extension SelectPoller.Watched {
    fileprivate mutating func set(_ descriptor: CInt, key: UInt64, _ interest: Interest) {
        if interest.contains(.read) {
            entries.reading.insert(descriptor)
        } else {
            entries.reading.remove(descriptor)
        }
        // As urgent data, which SO_SELECT_ERR_QUEUE makes of a queued error: readability would
        // report every datagram, too, again and again.
        if interest == .error {
            entries.failing.insert(descriptor)
        } else {
            entries.failing.remove(descriptor)
        }
        if interest.contains(.write) {
            entries.writing.insert(descriptor)
        } else {
            entries.writing.remove(descriptor)
        }
        entries.keys[Int(descriptor)] = key
        hasChanged = true
    }
}
