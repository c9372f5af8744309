package import SocketSystem
internal import Synchronization

/// Threads for calls that can only block, such as getaddrinfo(3): few, named, and only while they
/// are needed.
///
/// A thread is started when a job finds none idle, up to a limit; beyond it jobs wait in a queue,
/// which has a limit too. A thread that finds nothing to do for a while ends.
///
/// A blocking call cannot be stopped, but nobody needs to wait for it: who is cancelled goes on at
/// once, and the answer is dropped when it comes. Such an abandoned job keeps its thread until
/// then. When abandoned jobs hold every thread, nobody is let to wait behind them: jobs fail with
/// `.exhausted`.
package final class BlockingPool: Sendable {
    /// How much a pool may use.
    package struct Limits: Sendable {
        /// How many threads there are at most.
        package var threads: Int
        /// How many jobs wait for a thread at most.
        package var queue: Int
        /// How long a thread without work is kept.
        package var idle: Duration

        package init(threads: Int, queue: Int, idle: Duration) {
            self.threads = threads
            self.queue = queue
            self.idle = idle
        }
    }

    /// Why a job gives no answer.
    package enum Failure: Error, Hashable, Sendable {
        /// The task was cancelled; the job's answer is dropped.
        case cancelled
        /// The task's deadline passed; the job's answer is dropped.
        case timedOut
        /// This many jobs that nobody waits for hold all the threads.
        case exhausted(Int)
        /// As many jobs as may be are waiting for a thread.
        case queueFull(Int)
        /// The system refuses the first thread.
        case noThread(Errno)
    }

    fileprivate struct Job: Sendable {
        let ticket: UInt64
        /// Runs the blocking call; then what hands out its answer.
        let body: @Sendable () -> @Sendable () -> Void
        /// Tells the task that waits for it that it will not run.
        let fail: @Sendable (Failure) -> Void
    }

    fileprivate struct State {
        var nextTicket: UInt64 = 0
        /// Jobs without a thread, the oldest first.
        var queue: [Job] = []
        /// The jobs that a task waits for, queued or running.
        var awaited: Set<UInt64> = []
        /// How many threads there are.
        var threads = 0
        /// The gates of the threads without work, the most recent last.
        var idle: [ThreadGate] = []
        /// How many threads run jobs that nobody waits for.
        var abandoned = 0
    }

    /// What the threads are called.
    private let name: String
    /// How much the pool may use.
    private let limits: Limits
    private let state = Mutex(State())

    /// Makes a pool; threads come with the jobs.
    ///
    /// - Parameters:
    ///   - name: What the threads are called, at most 15 bytes.
    ///   - limits: How much the pool may use.
    package init(name: String, limits: Limits) {
        self.name = name
        self.limits = limits
    }

    /// How many threads there are now.
    package var threadCount: Int { state.withLock { $0.threads } }

    /// How many of them run jobs that nobody waits for.
    package var abandonedCount: Int { state.withLock { $0.abandoned } }
}

// MARK: - Asking

extension BlockingPool {
    /// Runs a blocking call on a thread of the pool.
    ///
    /// - Parameter body: What runs; it may go on running after this returned, if the task was
    ///   cancelled.
    /// - Returns: What the body returned.
    /// - Throws: Why there is no answer.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) async throws(Failure) -> Value {
        let answer = WaitList<Result<Value, Failure>?>(nil)
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        let job = Job(ticket: ticket) {
            let value = body()
            return { answer.unpark { $0 = .success(value) } }
        } fail: { failure in
            answer.unpark { $0 = .failure(failure) }
        }
        if let failure = Deadline.current.failure { throw Failure(failure) }
        try submit(job)
        let result: Result<Value, Failure>
        do throws(OperationFailure) {
            result = try await answer.park { $0 }
        } catch {
            letGo(ticket)
            throw Failure(error)
        }
        return try result.get()
    }

    /// Runs a blocking call that nobody waits for: on a thread of the pool, or here if there is none.
    package func run(unawaited body: @escaping @Sendable () -> Void) {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        let job = Job(ticket: ticket) {
            body()
            return {}
        } fail: { _ in
            body()
        }
        do throws(Failure) { try submit(job) } catch { body() }
    }

    /// Takes a job in.
    private func submit(_ job: Job) throws(Failure) {
        enum Step {
            case wake(ThreadGate)
            case start
            case wait
        }
        let step = try state.withLock { (state) throws(Failure) -> Step in
            if state.abandoned >= limits.threads { throw .exhausted(state.abandoned) }
            let gate = state.idle.popLast()
            let startsThread = gate == nil && state.threads < limits.threads
            if gate == nil, !startsThread, state.queue.count >= limits.queue {
                throw .queueFull(limits.queue)
            }
            state.queue.append(job)
            state.awaited.insert(job.ticket)
            if let gate { return .wake(gate) }
            if startsThread { state.threads += 1 }
            return startsThread ? .start : .wait
        }
        switch step {
        case .wake(let gate): gate.open()
        case .start: startWorker()
        case .wait: break
        }
    }

    private func startWorker() {
        do throws(Errno) {
            try startThread(name: name) { [self] in work() }
        } catch {
            let stranded = state.withLock { state -> [Job] in
                state.threads -= 1
                // Other threads will come to the job, if there are others.
                return state.threads > 0 ? [] : state.takeQueue()
            }
            for job in stranded { job.fail(.noThread(error)) }
        }
    }

    /// Nobody waits for a job any more: in the queue it is forgotten, running it is abandoned.
    private func letGo(_ ticket: UInt64) {
        let stranded = state.withLock { state -> [Job] in
            guard state.awaited.remove(ticket) != nil else { return [] }
            if let index = state.queue.firstIndex(where: { $0.ticket == ticket }) {
                state.queue.remove(at: index)
                return []
            }
            state.abandoned += 1
            return state.abandoned < limits.threads ? [] : state.takeQueue()
        }
        for job in stranded { job.fail(.exhausted(limits.threads)) }
    }
}

extension BlockingPool.State {
    /// Takes every job that has no thread out.
    fileprivate mutating func takeQueue() -> [BlockingPool.Job] {
        defer { queue.removeAll() }
        for job in queue { awaited.remove(job.ticket) }
        return queue
    }
}

extension BlockingPool.Failure {
    /// Why a wait for an answer ended.
    fileprivate init(_ failure: OperationFailure) {
        self = failure == .timedOut ? .timedOut : .cancelled
    }
}

// MARK: - The threads

extension BlockingPool {
    /// Runs jobs until there have been none for a while. A thread lives in here.
    private func work() {
        let gate = ThreadGate()
        while true {
            var next = nextJob(after: nil, elseAt: gate)
            while let job = next {
                let handOut = job.body()
                next = nextJob(after: job, elseAt: gate)
                handOut()
            }
            if gate.wait(atMost: limits.idle) { continue }
            let ends = state.withLock { state in
                // Gone from the list: work is on its way, and so is the gate's opening.
                guard let index = state.idle.firstIndex(where: { $0 === gate }) else {
                    return false
                }
                state.idle.remove(at: index)
                state.threads -= 1
                return true
            }
            if ends { return }
        }
    }

    /// Notes that a job is done, and takes the oldest one that is not begun; if there is none, the
    /// thread is idle from now on.
    ///
    /// Both in one step, before the answer is handed out: a task that asks again at once finds the
    /// thread idle.
    private func nextJob(after done: Job?, elseAt gate: ThreadGate) -> Job? {
        state.withLock { state in
            if let done, state.awaited.remove(done.ticket) == nil { state.abandoned -= 1 }
            if !state.queue.isEmpty { return state.queue.removeFirst() }
            if !state.idle.contains(where: { $0 === gate }) { state.idle.append(gate) }
            return nil
        }
    }
}
