import Glibc
import SocketReactor
import SocketSystem
import TestKit
import Testing

/// The contract at the top of `Poller.swift`, asked of every poller without a loop around it.
@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct PollerTests {
    static let all = PollerBackend.allCases
    static let levelTriggered = all.filter { $0 != .epoll }

    /// A poller and the two ends of a socket pair, ours watched under key 7.
    struct Bench {
        let poller: any Poller
        let pair: SocketPair
        let key: UInt64 = 7

        init(_ backend: PollerBackend) throws {
            poller = try backend.makePoller()
            pair = try SocketPair()
            try poller.add(pair.ours, key: key, interest: [])
        }

        func update(_ interest: Interest) throws {
            try poller.update(pair.ours, key: key, interest: interest)
        }

        /// What there is now, or comes before the patience ends.
        func poll(milliseconds: CInt = 0) throws -> [ReadyEvent] {
            var events: [ReadyEvent] = []
            try poller.poll(milliseconds: milliseconds, into: &events)
            return events
        }
    }

    @Test("Nothing is ready: the wait ends with its time", arguments: all)
    func timeOut(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        try bench.update(.read)
        let start = MonotonicTime.now
        #expect(try bench.poll(milliseconds: 20).isEmpty)
        #expect(MonotonicTime.now.nanoseconds - start.nanoseconds >= 19_000_000)
        #expect(try bench.poll().isEmpty)
    }

    @Test("Bytes that arrive make it readable, under its key and not writable", arguments: all)
    func readable(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        try bench.update(.read)
        signalWakeDescriptor(bench.pair.theirs)
        #expect(try bench.poll(milliseconds: -1) == [ReadyEvent(key: 7, readiness: .read)])
    }

    @Test("Bytes that were there before it was armed are reported", arguments: all)
    func readableBefore(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        signalWakeDescriptor(bench.pair.theirs)
        try bench.update(.read)
        #expect(try bench.poll(milliseconds: -1).map(\.key) == [7])
    }

    @Test("Who is watched for errors alone hears of no data", arguments: all)
    func errorsAlone(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        try bench.update(.error)
        signalWakeDescriptor(bench.pair.theirs)
        #expect(try bench.poll(milliseconds: 20).isEmpty)
    }

    @Test("Room to write is reported where it is asked for", arguments: all)
    func writable(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        try bench.update(.write)
        #expect(try bench.poll(milliseconds: -1).map(\.readiness) == [.write])
    }

    @Test("Both directions at once come as one event", arguments: all)
    func bothDirections(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        signalWakeDescriptor(bench.pair.theirs)
        try bench.update([.read, .write])
        let both = ReadyEvent(key: 7, readiness: [.read, .write])
        #expect(try bench.poll(milliseconds: -1) == [both])
    }

    @Test("Taking back one direction leaves the other", arguments: levelTriggered)
    func oneDirectionLeft(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        signalWakeDescriptor(bench.pair.theirs)
        try bench.update([.read, .write])
        try bench.update(.write)
        #expect(try bench.poll(milliseconds: -1).map(\.readiness) == [.write])
        try bench.update(.read)
        #expect(try bench.poll(milliseconds: -1).map(\.readiness) == [.read])
    }

    @Test(
        "A level-triggered poller repeats what is so until it is taken back",
        arguments: levelTriggered
    )
    func levelIsRepeated(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        signalWakeDescriptor(bench.pair.theirs)
        try bench.update(.read)
        for _ in 0..<3 { #expect(try bench.poll(milliseconds: -1).count == 1) }
        drainWakeDescriptor(bench.pair.ours)
        #expect(try bench.poll().isEmpty)
        signalWakeDescriptor(bench.pair.theirs)
        #expect(try bench.poll(milliseconds: -1).count == 1)
        try bench.update([])
        #expect(try bench.poll().isEmpty)
    }

    @Test("An edge-triggered poller reports each arrival once")
    func edgeIsReportedOnce() throws {
        let bench = try Bench(.epoll)
        for _ in 0..<3 {
            signalWakeDescriptor(bench.pair.theirs)
            #expect(try bench.poll(milliseconds: -1).count == 1)
            #expect(try bench.poll().isEmpty)
        }
    }

    @Test("The peer's end of stream is readable", arguments: all)
    func endOfStream(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        try bench.update(.read)
        try shutdownSocket(bench.pair.theirs, .write)
        let events = try bench.poll(milliseconds: -1)
        #expect(events.count == 1 && events[0].readiness.contains(.read))
    }

    @Test("A hang-up is reported in the direction that is watched", arguments: all)
    func hangUp(backend: PollerBackend) throws {
        let (poller, key): (any Poller, UInt64) = (try backend.makePoller(), 3)
        let pair = try SocketPair()
        try poller.add(pair.ours, key: key, interest: [])
        pair.closeTheirs()
        for (interest, readiness): (Interest, Readiness) in [(.read, .read), (.write, .write)] {
            try poller.update(pair.ours, key: key, interest: interest)
            var events: [ReadyEvent] = []
            try poller.poll(milliseconds: -1, into: &events)
            #expect(events.count == 1 && events[0].readiness.isSuperset(of: readiness))
        }
    }

    @Test("A hang-up that nobody waits for does not come again and again", arguments: all)
    func hangUpUnwatched(backend: PollerBackend) throws {
        let poller = try backend.makePoller()
        let pair = try SocketPair()
        try poller.add(pair.ours, key: 1, interest: .read)
        pair.closeTheirs()
        var events: [ReadyEvent] = []
        try poller.poll(milliseconds: -1, into: &events)
        #expect(events.count == 1)
        try poller.update(pair.ours, key: 1, interest: [])
        try poller.poll(milliseconds: 0, into: &events)
        #expect(events.count <= 2, "taken back, it may come once more")
        events = []
        for _ in 0..<3 { try poller.poll(milliseconds: 0, into: &events) }
        #expect(events.isEmpty)
    }

    @Test("Urgent data wakes who reads", arguments: all)
    func urgentData(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        try bench.update(.read)
        // SAFETY: one byte of a string.
        let sent = unsafe Glibc.send(bench.pair.theirs, "!", 1, CInt(MSG_OOB))
        // Kernels older than 5.15 have no urgent data on Unix sockets.
        guard sent == 1 else { return }
        let events = try bench.poll(milliseconds: -1)
        #expect(events.count == 1 && events[0].readiness.contains(.read))
    }

    @Test("A file cannot be watched, nor can what is no descriptor", arguments: all)
    func unwatchable(backend: PollerBackend) throws {
        let poller = try backend.makePoller()
        let file = unsafe open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        defer { closeDescriptor(file) }
        #expect(throws: Errno.notPermitted) {
            try poller.add(file, key: 1, interest: .read)
        }
        #expect(throws: Errno.badDescriptor) {
            try poller.add(-1, key: 1, interest: .read)
        }
    }

    @Test("What is removed is reported no more", arguments: all)
    func removed(backend: PollerBackend) throws {
        let bench = try Bench(backend)
        try bench.update([.read, .write])
        signalWakeDescriptor(bench.pair.theirs)
        bench.poller.remove(bench.pair.ours)
        #expect(try bench.poll().isEmpty)
        bench.poller.remove(bench.pair.ours)
    }

    @Test("A number that is used again carries its new key", arguments: all)
    func reusedNumber(backend: PollerBackend) throws {
        let poller = try backend.makePoller()
        let pair = try SocketPair()
        try poller.add(pair.ours, key: 1, interest: [])
        try poller.update(pair.ours, key: 1, interest: .read)
        poller.remove(pair.ours)
        try poller.add(pair.ours, key: 2, interest: [])
        try poller.update(pair.ours, key: 2, interest: .read)
        signalWakeDescriptor(pair.theirs)
        var events: [ReadyEvent] = []
        try poller.poll(milliseconds: -1, into: &events)
        #expect(events.map(\.key) == [2])
    }

    @Test("Of many descriptors just the ready ones are reported", arguments: all)
    func reportsJustTheReadyOnes(backend: PollerBackend) throws {
        let poller = try backend.makePoller()
        let pairs = try (0..<50).map { _ in try SocketPair() }
        for (index, pair) in pairs.enumerated() {
            try poller.add(pair.ours, key: UInt64(index), interest: [])
            try poller.update(pair.ours, key: UInt64(index), interest: .read)
        }
        // From the middle, the beginning and the end of the list.
        for index in [0, 17, 49] { poller.remove(pairs[index].ours) }
        for pair in pairs where pair !== pairs[30] { signalWakeDescriptor(pair.theirs) }
        var events: [ReadyEvent] = []
        try poller.poll(milliseconds: -1, into: &events)
        let expected = Set((0..<50).map { UInt64($0) }).subtracting([0, 17, 49, 30])
        #expect(events.count == expected.count)
        #expect(Set(events.map(\.key)) == expected)
    }

    @Test(
        "A change while the thread is inside poll counts, at once or after a wake-up",
        arguments: all
    )
    func concurrentChange(backend: PollerBackend) async throws {
        let poller = try backend.makePoller()
        let wakeup = try Wakeup(usePipe: true)
        let pair = try SocketPair()
        try poller.add(wakeup.descriptor, key: 0, interest: .read)
        try poller.add(pair.ours, key: 1, interest: [])
        signalWakeDescriptor(pair.theirs)
        let keys = await withCheckedContinuation { continuation in
            do {
                try startThread(name: "poller") {
                    var keys: [UInt64] = []
                    while !keys.contains(1) {
                        var events: [ReadyEvent] = []
                        try? poller.poll(milliseconds: -1, into: &events)
                        keys.append(contentsOf: events.map(\.key))
                        // As the loop does; otherwise the level-triggered would not wait again.
                        if events.contains(where: { $0.key == 0 }) { wakeup.drain() }
                    }
                    continuation.resume(returning: keys)
                }
                try poller.update(pair.ours, key: 1, interest: .read)
                if poller.needsWakeAfterChange { wakeup.signal() }
            } catch {
                continuation.resume(returning: [])
            }
        }
        #expect(keys.last == 1)
    }

    @Test(
        "A descriptor closed behind the poller's back reaches who waits, and does not spin",
        .enabled(if: descriptorLimit > 2000),
        arguments: [PollerBackend.poll, .select]
    )
    func closedWhileWatched(backend: PollerBackend) throws {
        let poller = try backend.makePoller()
        // A number that no other test is given meanwhile.
        let number = try duplicate(of: 0, atLeast: backend == .select ? 990 : 1990)
        try poller.add(number, key: 5, interest: [])
        try poller.update(number, key: 5, interest: .read)
        closeDescriptor(number)
        var events: [ReadyEvent] = []
        try poller.poll(milliseconds: -1, into: &events)
        #expect(events.map(\.key) == [5])
        #expect(events.allSatisfy { $0.readiness.isSuperset(of: [.read, .write]) })
        try poller.update(number, key: 5, interest: [])
        events = []
        try poller.poll(milliseconds: 0, into: &events)
        #expect(events.isEmpty)
    }

    @Test(
        "select has no room for descriptor 1024, and says so",
        .enabled(if: descriptorLimit > 2000)
    )
    func selectLimit() throws {
        let poller = SelectPoller()
        let last = try duplicate(of: 0, atLeast: 1023)
        let beyond = try duplicate(of: 0, atLeast: 1024)
        defer { for number in [last, beyond] { closeDescriptor(number) } }
        try #require(beyond >= 1024)
        if last == 1023 { try poller.add(last, key: 1, interest: .read) }
        #expect(throws: Errno.processDescriptorLimit) {
            try poller.add(beyond, key: 2, interest: .read)
        }
        #expect(throws: Errno.processDescriptorLimit) {
            try poller.update(beyond, key: 2, interest: .read)
        }
        poller.remove(beyond)
    }

    @Test(
        "The other backends have room for descriptor 1024",
        .enabled(if: descriptorLimit > 2000),
        arguments: all.filter { $0 != .select }
    )
    func beyondSelectsLimit(backend: PollerBackend) throws {
        let poller = try backend.makePoller()
        let pair = try SocketPair()
        let number = try duplicate(of: pair.ours, atLeast: 1500)
        defer { closeDescriptor(number) }
        try poller.add(number, key: 1, interest: [])
        try poller.update(number, key: 1, interest: .read)
        signalWakeDescriptor(pair.theirs)
        var events: [ReadyEvent] = []
        try poller.poll(milliseconds: -1, into: &events)
        #expect(events.map(\.key) == [1])
    }
}
