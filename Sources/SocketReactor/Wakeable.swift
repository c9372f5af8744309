/// A suspended task and what to tell it: collected under a lock, resumed after it.
@safe
struct Wakeable {
    /// How the task is suspended.
    @unsafe
    private enum Form {
        /// Anyhow: it goes on where its executor wants it.
        case continuation(UnsafeContinuation<WaitOutcome, Never>)
        /// By `suspendCurrentTask`: it goes on on the loop's thread. The loop outlives the wait.
        case job(UnownedJob, Unmanaged<EventLoop>)
    }

    private let form: Form
    /// For a continuation. Who is suspended as a job learns the outcome by other means.
    private let outcome: WaitOutcome

    // SAFETY: whoever makes one promises that the task is resumed once, see the two below.
    private init(_ form: Form, _ outcome: WaitOutcome) {
        unsafe self.form = unsafe form
        self.outcome = outcome
    }

    /// For a continuation that the caller alone will resume.
    @unsafe
    @inline(__always)
    init(_ continuation: UnsafeContinuation<WaitOutcome, Never>, _ outcome: WaitOutcome) {
        unsafe self.init(.continuation(continuation), outcome)
    }

    /// For a task that was suspended on a loop's thread, and that the caller alone will resume.
    @unsafe
    @inline(__always)
    init(_ job: UnownedJob, on loop: EventLoop) {
        unsafe self.init(.job(job, .passUnretained(loop)), .ready)
    }

    /// The same task, to be told something else.
    @inline(__always)
    func with(_ outcome: WaitOutcome) -> Wakeable {
        // SAFETY: one of the two values is dropped.
        unsafe Wakeable(form, outcome)
    }

    /// Whether the task goes on where its executor wants it.
    @inline(__always)
    var isContinuation: Bool {
        // SAFETY: only looked at.
        if case .continuation = unsafe form { true } else { false }
    }

    /// The job of a task that was suspended on a loop's thread.
    @inline(__always)
    var job: UnownedJob? {
        // SAFETY: the caller runs the job in place of `resume`.
        if case .job(let job, _) = unsafe form { job } else { nil }
    }

    @inline(__always)
    func resume() {
        // SAFETY: see the initializers.
        switch unsafe form {
        case .continuation(let continuation): unsafe continuation.resume(returning: outcome)
        case .job(let job, let loop): unsafe loop._withUnsafeGuaranteedRef { $0.resume(job) }
        }
    }
}

extension [Wakeable] {
    /// Resumes all; never to be called under a lock.
    func resumeAll() {
        for wakeable in self { wakeable.resume() }
    }
}
