import SocketSystem
import Synchronization
import TestKit
import Testing

@testable import SocketReactor

@Suite("An operation", .endsHangs)
struct OperationTests {
    @Test("whose call lacks memory tries again, with pauses, and not for ever")
    func shortage() async throws {
        let group = try LoopGroup(loops: 1)
        let registration = try group.loops[0].register(try openEventCounter())
        func tries(failures: Int) async throws(OperationFailure) -> Int {
            var count = 0
            var operation = Operation(.write, .fails)
            while true {
                if try operation.begins(on: registration) {
                    count += 1
                    let attempt: Attempt =
                        count <= failures ? .failed(.noMemory) : .done(leaving: .unknown)
                    if try operation.ends(attempt, on: registration) { return count }
                }
                try await operation.wait(for: registration)
            }
        }
        #expect(try await tries(failures: 3) == 4)
        await #expect(throws: OperationFailure.system(.noMemory)) {
            try await tries(failures: .max)
        }
        // It has given the lock back.
        #expect(try await tries(failures: 0) == 1)
        registration.close()
        await group.shutdown()
    }

    @Test("whose loop cannot wait any more says why, and so does the next socket")
    func loopThatCannotWait() async throws {
        var options = LoopOptions()
        options.poller = { FailingPoller() }
        let group = try LoopGroup(loops: 1, options: options)
        let loop = group.loops[0]
        _ = await loop.sleep(untilItEnds: ())
        #expect(throws: OperationFailure.system(.notPermitted)) {
            _ = try loop.register(try openEventCounter())
        }
        await group.shutdown()
    }
}

extension EventLoop {
    fileprivate func sleep(untilItEnds: Void) async -> Bool {
        (try? await sleep(until: .never)) ?? false
    }
}

/// Works once, for the loop's own try, and then never again.
private final class FailingPoller: Poller {
    private let isTried = Atomic(false)
    let isEdgeTriggered = true
    let needsWakeAfterChange = false

    func add(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {}
    func update(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {}
    func remove(_ descriptor: CInt) {}

    func poll(milliseconds: CInt, into events: inout [ReadyEvent]) throws(Errno) {
        if isTried.exchange(true, ordering: .relaxed) { throw .notPermitted }
    }
}
