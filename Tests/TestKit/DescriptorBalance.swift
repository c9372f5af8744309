internal import AsyncSockets
internal import Glibc
internal import SocketSystem
package import Testing

/// Fails a test after which the process has other descriptors than before.
///
/// Tests run in parallel in one process, so the descriptors of one cannot be told from those of
/// another. Therefore the trait counts only if `ASYNCSOCKETS_COUNT_DESCRIPTORS` is 1, which says
/// that the tests run one after the other (`swift test --no-parallel`).
package struct DescriptorBalance: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    /// Opens what stays open for ever before anything is counted: the loops that all share, and the
    /// timers of the runtime, one for each clock. A sleep that is over at once needs none.
    private static let standing = Task {
        _ = EventLoopGroup.shared.loopCount
        try? await Task.sleep(for: .milliseconds(20), clock: .continuous)
        try? await Task.sleep(for: .milliseconds(20), clock: .suspending)
    }

    @concurrent
    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil, environmentVariable("ASYNCSOCKETS_COUNT_DESCRIPTORS") == "1" else {
            return try await function()
        }
        await Self.standing.value
        let before = openDescriptors()
        try await function()
        // The last reference to a connection may be dropped a moment after the test.
        _ = await eventually { openDescriptors().keys == before.keys }
        let after = openDescriptors()
        for (number, target) in after where before[number] == nil {
            Issue.record("descriptor \(number) was left open: \(target)")
        }
        for (number, target) in before where after[number] == nil {
            Issue.record("descriptor \(number) was closed: \(target)")
        }
    }
}

extension Trait where Self == DescriptorBalance {
    /// After the test the process holds as many descriptors as before.
    package static var descriptorsBalanced: Self { Self() }
}

/// The open descriptors of this process and what they are.
package func openDescriptors() -> [CInt: String] {
    var result: [CInt: String] = [:]
    for number in 0..<CInt(4096) {
        var target = [CChar](repeating: 0, count: 256)
        let count = unsafe readlink("/proc/self/fd/\(number)", &target, target.count - 1)
        guard count > 0 else { continue }
        result[number] = String(
            decoding: target[..<count].map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
    }
    return result
}

/// Waits until something becomes true; false after five minutes, before a test's time limit.
///
/// For what another thread or the kernel does without telling.
package func eventually(_ condition: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(300)
    while ContinuousClock.now < end {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(1))
    }
    return await condition()
}
