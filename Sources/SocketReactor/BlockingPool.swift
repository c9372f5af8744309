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

    fileprivate typealias Asker = CheckedContinuation<Failure?, Never>

    fileprivate struct Job {
        let ticket: UInt64
        let body: @Sendable () -> Void
    }

    fileprivate struct State {
        var nextTicket: UInt64 = 0
        /// Jobs without a thread, the oldest first.
        var queue: [Job] = []
        /// Who waits for which job, queued or running.
        var askers: [UInt64: Asker] = [:]
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
        let answer = Answer<Value>()
        try await perform { answer.set(body()) }
        // The body has run where no failure was thrown.
        guard let value = answer.take() else { throw .cancelled }
        return value
    }

    private func perform(_ body: @escaping @Sendable () -> Void) async throws(Failure) {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        let deadline = Deadline.current
        let failure = await limited(by: deadline, ticket) {
            await withTaskCancellationHandler {
                await withCheckedContinuation { asker in
                    let failure = submit(Job(ticket: ticket, body: body), asker)
                    if let failure { asker.resume(returning: failure) }
                }
            } onCancel: {
                letGo(ticket, .cancelled)
            }
        }
        if let failure { throw failure }
    }

    private func limited(
        by deadline: Deadline?,
        _ ticket: UInt64,
        _ body: () async -> Failure?
    ) async -> Failure? {
        guard let deadline else { return await body() }
        return await deadline.keeper.withDeadline(deadline) { [self] in
            letGo(ticket, .timedOut)
        } _: {
            await body()
        }
    }

    /// Takes a job in; or says why not, then the asker is the caller's to resume.
    private func submit(_ job: Job, _ asker: Asker) -> Failure? {
        enum Step {
            case refuse(Failure)
            case wake(ThreadGate)
            case start
            case wait
        }
        let step = state.withLock { state -> Step in
            // Who came to let it go before this lock found no asker, but it is known why.
            if Task.isCancelled { return .refuse(.cancelled) }
            if Deadline.hasPassed { return .refuse(.timedOut) }
            if state.abandoned >= limits.threads { return .refuse(.exhausted(state.abandoned)) }
            let gate = state.idle.popLast()
            let startsThread = gate == nil && state.threads < limits.threads
            if gate == nil, !startsThread, state.queue.count >= limits.queue {
                return .refuse(.queueFull(limits.queue))
            }
            state.queue.append(job)
            state.askers[job.ticket] = asker
            if let gate { return .wake(gate) }
            if startsThread { state.threads += 1 }
            return startsThread ? .start : .wait
        }
        switch step {
        case .refuse(let failure): return failure
        case .wake(let gate): gate.open()
        case .start: startWorker()
        case .wait: break
        }
        return nil
    }

    private func startWorker() {
        do throws(Errno) {
            try startThread(name: name) { [self] in work() }
        } catch {
            let stranded = state.withLock { state -> [Asker] in
                state.threads -= 1
                // Other threads will come to the job, if there are others.
                if state.threads > 0 { return [] }
                return state.failQueue()
            }
            for asker in stranded { asker.resume(returning: .noThread(error)) }
        }
    }

    /// Lets the asker go: a job in the queue is forgotten, a running one abandoned.
    private func letGo(_ ticket: UInt64, _ failure: Failure) {
        let (asker, stranded) = state.withLock { state -> (Asker?, [Asker]) in
            guard let asker = state.askers.removeValue(forKey: ticket) else { return (nil, []) }
            if let index = state.queue.firstIndex(where: { $0.ticket == ticket }) {
                state.queue.remove(at: index)
                return (asker, [])
            }
            state.abandoned += 1
            if state.abandoned < limits.threads { return (asker, []) }
            return (asker, state.failQueue())
        }
        asker?.resume(returning: failure)
        for asker in stranded { asker.resume(returning: .exhausted(limits.threads)) }
    }
}

extension BlockingPool.State {
    /// Forgets the jobs in the queue; returns who waits for them.
    fileprivate mutating func failQueue() -> [BlockingPool.Asker] {
        defer { queue.removeAll() }
        return queue.compactMap { askers.removeValue(forKey: $0.ticket) }
    }
}

/// Where a job leaves its answer.
private final class Answer<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)

    func set(_ newValue: Value) { value.withLock { $0 = newValue } }

    func take() -> Value? { value.withLock { $0.take() } }
}

// MARK: - The threads

extension BlockingPool {
    /// Runs jobs until there have been none for a while. A thread lives in here.
    private func work() {
        let gate = ThreadGate()
        while true {
            var next = nextJob(after: nil, elseAt: gate)
            while let job = next {
                job.body()
                next = nextJob(after: job, elseAt: gate)
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

    /// Tells whoever waits for a job that it is done, and takes the oldest one that is not begun;
    /// where there is none, the thread is idle from now on.
    ///
    /// Both in one step: who asks again at once finds the thread idle.
    private func nextJob(after done: Job?, elseAt gate: ThreadGate) -> Job? {
        let (job, asker) = state.withLock { state -> (Job?, Asker?) in
            var asker: Asker?
            if let done {
                asker = state.askers.removeValue(forKey: done.ticket)
                if asker == nil { state.abandoned -= 1 }
            }
            if !state.queue.isEmpty { return (state.queue.removeFirst(), asker) }
            if !state.idle.contains(where: { $0 === gate }) { state.idle.append(gate) }
            return (nil, asker)
        }
        asker?.resume(returning: nil)
        return job
    }
}
