import Testing

@testable import SocketService

/// Starts what stays open for ever before descriptors are counted.
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
