import Testing

@testable import SocketService

/// Starts the loop of child processes, which stays open for ever, before a test counts descriptors.
struct ChildLoopRuns: TestTrait, TestScoping {
    @concurrent
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        _ = try ChildLoop.shared.group(for: .startProcess)
        try await function()
    }
}
