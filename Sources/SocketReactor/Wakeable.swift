/// A suspended task and what to tell it: collected under a lock, resumed after it.
@safe
struct Wakeable {
    private let continuation: UnsafeContinuation<WaitOutcome, Never>
    private let outcome: WaitOutcome

    /// For a continuation that the caller alone will resume.
    @unsafe
    @inline(__always)
    init(_ continuation: UnsafeContinuation<WaitOutcome, Never>, _ outcome: WaitOutcome) {
        unsafe self.continuation = continuation
        self.outcome = outcome
    }

    /// The same task, to be told something else.
    func with(_ outcome: WaitOutcome) -> Wakeable {
        // SAFETY: one of the two values is dropped.
        unsafe Wakeable(continuation, outcome)
    }

    @inline(__always)
    func resume() {
        // SAFETY: see `init`.
        unsafe continuation.resume(returning: outcome)
    }
}

extension [Wakeable] {
    /// Resumes all; never to be called under a lock.
    func resumeAll() {
        for wakeable in self { wakeable.resume() }
    }
}
