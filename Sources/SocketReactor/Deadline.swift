package import SocketSystem
internal import Synchronization

/// When the operations of a task, and of its child tasks, must be done.
///
/// Task-local: a scope costs no task, and an operation asks for it only if it has to wait.
package struct Deadline: Sendable {
    package let moment: MonotonicTime
    /// The loop that keeps the time of waits that belong to no loop.
    package let keeper: EventLoop

    package init(_ moment: MonotonicTime, keeper: EventLoop) {
        self.moment = moment
        self.keeper = keeper
    }

    /// The earliest of the scopes that the task is in; nil outside of any.
    @inline(__always)
    package static var current: Deadline? {
        isUsed.load(ordering: .relaxed) ? inherited : nil
    }

    @TaskLocal private static var inherited: Deadline?

    /// Whether there has been a scope in this program. In a program without any, a wait need not
    /// look for the task's.
    private static let isUsed = Atomic<Bool>(false)

    /// Runs a body that has a deadline, whatever is around it; or none.
    package static func with<Success>(
        _ deadline: Deadline?,
        _ body: () async throws -> Success
    ) async rethrows -> Success {
        if deadline != nil { isUsed.store(true, ordering: .relaxed) }
        return try await $inherited.withValue(deadline) { try await body() }
    }

    package var hasPassed: Bool { moment <= .now }

    /// The same moment, for a wait that must last no longer than a certain loop.
    package func kept(by loop: EventLoop) -> Deadline { Deadline(moment, keeper: loop) }
}

extension Deadline? {
    /// Why the current task must not wait; nil if it may.
    package var failure: OperationFailure? {
        if Task.isCancelled { return .cancelled }
        return self?.hasPassed == true ? .timedOut : nil
    }
}
