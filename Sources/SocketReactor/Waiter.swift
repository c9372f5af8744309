internal import SocketSystem

/// What must follow the beginning of a wait.
public enum WaitStart: Hashable, Sendable {
    /// Nothing: it is over.
    case over
    /// The task, which its loop's thread runs, must suspend by `suspendCurrentTask`.
    case suspend
    /// The task must suspend by a continuation.
    case `continue`
}

/// Who waits for one direction of a socket, and how the wait ended.
@safe
struct Waiter {
    /// The task; nil while it is the socket's owner, or nobody waits.
    var task: Wakeable?
    /// How the wait ended, for whom no value is handed to.
    var outcome = WaitOutcome.ready
    /// Whether the loop rings when the task's deadline passes.
    var hasDeadline = false
    /// Told if the task is cancelled meanwhile. Removed once, by `Registration.endWait`.
    var handler: CancellationHandler?

    /// Whether the wait has set up nothing that must be taken back.
    @inline(__always)
    // SAFETY: only looked at, here and in `clear`.
    var isPlain: Bool { unsafe handler == nil && !hasDeadline }

    /// Forgets what the wait has set up; its outcome stays.
    mutating func clear() {
        task = nil
        hasDeadline = false
        unsafe handler = nil
    }
}
