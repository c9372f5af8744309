import SocketReactor
import SocketSystem
import TestKit
import Testing

/// What the loop asks of its poller, seen by a poller that only writes it down.
@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct LoopContractTests {
    /// A loop on a fake poller and one registered end of a socket pair.
    final class Bench: Sendable {
        let poller: FakePoller
        let group: LoopGroup
        let registration: Registration
        let pair: SocketPair
        let number: CInt
        let key: UInt64

        init(isEdgeTriggered: Bool, needsWakeAfterChange: Bool = false) throws {
            let poller = try FakePoller(
                isEdgeTriggered: isEdgeTriggered,
                needsWakeAfterChange: needsWakeAfterChange
            )
            var options = LoopOptions()
            options.poller = { poller }
            group = try LoopGroup(loops: 1, options: options)
            pair = try SocketPair()
            number = pair.ours
            registration = try group.loops[0].register(pair.take(pair.ours))
            self.poller = poller
            guard case .add(_, let key, _)? = poller.takeRequests().first else {
                throw Errno.invalidArgument
            }
            self.key = key
        }

        /// A read that must wait, on the loop; then what the loop asked for until it waited.
        func startReading() async -> Task<OperationFailure?, Never> {
            let registration = registration
            let task = Task(executorPreference: group) { await registration.waitOnce(.read) }
            await settle()
            return task
        }

        /// Lets the loop run until it has nothing to do.
        func settle() async {
            let start = poller.polls
            while poller.polls < start + 3 {
                await Task(executorPreference: group) { await Task.yield() }.value
            }
        }
    }

    @Test("Edge-triggered: a read arms nothing, a write once and for good")
    func edgeTriggered() async throws {
        let bench = try Bench(isEdgeTriggered: true)
        for _ in 0..<2 {
            let reader = await bench.startReading()
            bench.poller.report(ReadyEvent(key: bench.key, readiness: .read))
            #expect(await reader.value == nil)
        }
        #expect(bench.poller.takeRequests().isEmpty)
        for _ in 0..<2 {
            let writer = Task(executorPreference: bench.group) {
                await bench.registration.waitOnce(.write)
            }
            await bench.settle()
            bench.poller.report(ReadyEvent(key: bench.key, readiness: .write))
            #expect(await writer.value == nil)
        }
        let expected: [FakePoller.Request] = [
            .update(bench.number, key: bench.key, [.read, .write])
        ]
        #expect(bench.poller.takeRequests() == expected)
        await bench.group.shutdown()
    }

    @Test("Level-triggered: reads that wait again and again arm once")
    func levelTriggeredReads() async throws {
        let bench = try Bench(isEdgeTriggered: false)
        for _ in 0..<3 {
            let reader = await bench.startReading()
            bench.poller.report(ReadyEvent(key: bench.key, readiness: .read))
            #expect(await reader.value == nil)
        }
        let expected: [FakePoller.Request] = [.update(bench.number, key: bench.key, .read)]
        #expect(bench.poller.takeRequests() == expected)
        await bench.group.shutdown()
    }

    @Test("Level-triggered: an event that nobody waits for is taken back, once")
    func levelTriggeredNobodyWaits() async throws {
        let bench = try Bench(isEdgeTriggered: false)
        let reader = await bench.startReading()
        bench.poller.report(ReadyEvent(key: bench.key, readiness: .read))
        #expect(await reader.value == nil)
        _ = bench.poller.takeRequests()
        for _ in 0..<2 {
            bench.poller.report(ReadyEvent(key: bench.key, readiness: [.read, .eagerRead]))
            await bench.settle()
        }
        let expected: [FakePoller.Request] = [.update(bench.number, key: bench.key, [])]
        #expect(bench.poller.takeRequests() == expected)
        await bench.group.shutdown()
    }

    @Test("Level-triggered: who waits in the other direction stays armed")
    func levelTriggeredOtherDirection() async throws {
        let bench = try Bench(isEdgeTriggered: false)
        let reader = await bench.startReading()
        let writer = Task(executorPreference: bench.group) {
            await bench.registration.waitOnce(.write)
        }
        await bench.settle()
        bench.poller.report(ReadyEvent(key: bench.key, readiness: .write))
        #expect(await writer.value == nil)
        bench.poller.report(ReadyEvent(key: bench.key, readiness: .write))
        await bench.settle()
        let expected: [FakePoller.Request] = [
            .update(bench.number, key: bench.key, .read),
            .update(bench.number, key: bench.key, [.read, .write]),
            .update(bench.number, key: bench.key, .read),
        ]
        #expect(bench.poller.takeRequests() == expected)
        bench.poller.report(ReadyEvent(key: bench.key, readiness: .read))
        #expect(await reader.value == nil)
        await bench.group.shutdown()
    }

    @Test("An event under a key that is no more reaches nobody", arguments: [true, false])
    func staleKey(isEdgeTriggered: Bool) async throws {
        let bench = try Bench(isEdgeTriggered: isEdgeTriggered)
        let reader = await bench.startReading()
        for key in [bench.key + 1 << 32, bench.key + 1, UInt64(UInt32.max)] {
            bench.poller.report(ReadyEvent(key: key, readiness: .read))
        }
        await bench.settle()
        bench.registration.close()
        #expect(await reader.value == .closed)
        await bench.group.shutdown()
    }

    @Test("Where changes wait for the next poll, the loop leaves the present one")
    func wakesAfterChange() async throws {
        let bench = try Bench(isEdgeTriggered: false, needsWakeAfterChange: true)
        let registration = bench.registration
        while !bench.group.loops[0].isParked { await Task.yield() }
        let polls = bench.poller.polls
        // On the global executor, so that the loop is inside its poll.
        let reader = Task { await registration.waitOnce(.read) }
        while bench.poller.polls == polls { await Task.yield() }
        #expect(
            bench.poller.takeRequests() == [.update(bench.number, key: bench.key, .read)]
        )
        while !bench.group.loops[0].isParked { await Task.yield() }
        let pollsBeforeClose = bench.poller.polls
        registration.close()
        while bench.poller.polls == pollsBeforeClose { await Task.yield() }
        #expect(await reader.value == .closed)
        await bench.group.shutdown()
    }
}
