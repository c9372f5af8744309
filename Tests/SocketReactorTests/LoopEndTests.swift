import SocketSystem
import TestKit
import Testing

@testable import SocketReactor

/// What keeps a loop that must end, and what must not.
@Suite("The end of a loop", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct LoopEndTests {
    /// A group that its threads keep alive, and nobody else.
    private final class Observed: Sendable {
        // SAFETY: written by `init` only.
        nonisolated(unsafe) private weak var group: LoopGroup?

        init(_ group: LoopGroup) { unsafe self.group = group }

        var isRunning: Bool { unsafe group != nil }
    }

    @Test("A retiring loop ends after a task that let others run")
    func retiresAfterYield() async throws {
        let observed = try await { () -> Observed in
            let group = try LoopGroup(loops: 1)
            await Task(executorPreference: group) {
                group.retire()
                await EventLoop.yield()
            }.value
            return Observed(group)
        }()
        #expect(await eventually { !observed.isRunning })
    }

    @Test("A loop that is shut down hands on a task that lets others run again and again")
    func shutdownDespiteYields() async throws {
        let group = try LoopGroup(loops: 1)
        let runs = WaitList(true)
        let yielding = Task(executorPreference: group) {
            while runs.unpark(after: { $0 }) { await EventLoop.yield() }
        }
        let stopper = Task.detached {
            try? await Task.sleep(for: .seconds(300))
            runs.unpark { $0 = false }
        }
        await group.shutdown()
        // Before anybody told the task to stop.
        #expect(runs.unpark { $0 })
        runs.unpark { $0 = false }
        stopper.cancel()
        await yielding.value
    }
}
