package import SocketSystem

/// When the operations of a task, and of its child tasks, must be done.
///
/// Task-local: a scope costs no task, and an operation asks for it only where it has to wait. The
/// loop of the socket that it waits for keeps the time.
package struct Deadline: Sendable {
    package let moment: MonotonicTime
    /// Keeps the time for waits that no socket's loop could keep it for.
    package let keeper: EventLoop

    package init(_ moment: MonotonicTime, keeper: EventLoop) {
        self.moment = moment
        self.keeper = keeper
    }

    /// The earliest of the scopes that the task is in; nil outside of any.
    @inline(__always)
    package static var current: Deadline? { isUsed ? inherited : nil }

    @TaskLocal private static var inherited: Deadline?

    /// Whether there has been a scope in this program. One without need not ask its tasks, which
    /// costs a wait in twenty its time.
    private static var isUsed: Bool { deadlinesAreUsed() }

    /// Runs a body that has a deadline, whatever is around it; or none.
    package static func with<Success>(
        _ deadline: Deadline?,
        _ body: () async throws -> Success
    ) async rethrows -> Success {
        if deadline != nil { useDeadlines() }
        return try await $inherited.withValue(deadline) { try await body() }
    }

    /// Whether nothing may be waited for any more in the current task.
    package static var hasPassed: Bool { current.map { $0.moment <= .now } ?? false }
}
