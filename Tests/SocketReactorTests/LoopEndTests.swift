import SocketSystem
import TestKit
import Testing

@testable import SocketReactor

/// What keeps a loop that must end, and what must not.
@Suite("The end of a loop", .descriptorsBalanced, .fewAtOnce, .timeLimit(.minutes(1)))
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
}
