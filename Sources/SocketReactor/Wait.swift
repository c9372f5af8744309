internal import SocketSystem

/// A wait for readiness that has begun: what comes next, and what must be undone at its end.
@safe
public struct Wait {
    /// What must follow the beginning.
    public enum Next: Hashable, Sendable {
        /// Nothing: its outcome is known already.
        case over
        /// The task, which its loop's thread runs, must suspend by `suspendCurrentTask`.
        case suspend
        /// The task must suspend by a continuation.
        case continuation
    }

    /// What must follow.
    public let next: Next
    /// How the wait ended, where it is over.
    let outcome: WaitOutcome
    /// Whether the loop rings when the task's deadline passes.
    var hasDeadline = false
    /// Told if the task is cancelled meanwhile.
    let handler: CancellationHandler?

    // SAFETY: of these two: the handler is removed once, by `Registration.endWait`.

    @unsafe
    init(_ next: Next, _ handler: CancellationHandler?) {
        self.next = next
        outcome = .ready
        unsafe self.handler = unsafe handler
    }

    @unsafe
    init(over outcome: WaitOutcome, _ handler: CancellationHandler?) {
        next = .over
        self.outcome = outcome
        unsafe self.handler = unsafe handler
    }

    // SAFETY: of these two: there is no handler.

    init(_ next: Next) {
        unsafe self.init(next, nil)
    }

    init(over outcome: WaitOutcome) {
        unsafe self.init(over: outcome, nil)
    }
}
