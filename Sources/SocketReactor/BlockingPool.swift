package import SocketSystem
internal import Synchronization

/// Threads for calls that can only block, such as getaddrinfo(3): few, named, and only while they
/// are needed.
///
/// A thread is started when a job finds none idle, up to a limit; beyond it jobs wait in a queue,
/// which has a limit too. A thread that finds nothing to do for a while ends.
///
/// A blocking call cannot be stopped, but nobody needs to wait for it: a cancelled task goes on at
/// once, and the answer is dropped when it comes. Such an abandoned job keeps its thread until
/// then. When abandoned jobs hold every thread, jobs fail with `.exhausted` instead of waiting
/// behind them.
///
/// Jobs that are likely to be slow together, such as questions to one name server, have a lane: a
/// lane has few of the threads, so that the jobs of others find one. Tasks that ask the same at the
/// same time share a job; one that joins an abandoned job makes it a job that is waited for.
package final class BlockingPool: Sendable {
    /// How much a pool may use.
    package struct Limits: Sendable {
        /// How many threads there are at most.
        package var threads: Int
        /// How many threads the jobs of one lane may hold; jobs without a lane may hold all.
        package var lane: Int
        /// How many jobs of a lane wait for a thread at most.
        package var queue: Int
        /// How long a thread without work is kept.
        package var idle: Duration

        package init(threads: Int, lane: Int? = nil, queue: Int, idle: Duration) {
            self.threads = threads
            self.lane = lane ?? threads
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
        /// This many jobs that nobody waits for hold all the threads, or all of the lane.
        case exhausted(Int)
        /// As many jobs as may be are waiting for a thread.
        case queueFull(Int)
        /// The system refuses the first thread.
        case noThread(Errno)
    }

    fileprivate struct Job: Sendable {
        let ticket: UInt64
        /// The jobs that it shares a part of the threads with.
        let lane: String?
        /// The question, if others that ask the same may share the answer.
        let key: String?
        /// Where its tasks wait, a `WaitList<Result<Value, Failure>?>`.
        let answer: any Sendable
        /// Runs the blocking call; then what hands out its answer.
        let body: @Sendable () -> @Sendable () -> Void
        /// Tells the tasks that wait for it that it will not run.
        let fail: @Sendable (Failure) -> Void
    }

    fileprivate struct Lane {
        /// How many of its jobs have a thread.
        var running = 0
        /// How many of them nobody waits for.
        var abandoned = 0
        /// How many of its jobs have none.
        var queued = 0
    }

    fileprivate struct State {
        var nextTicket: UInt64 = 0
        /// Jobs without a thread, the oldest first.
        var queue: [Job] = []
        /// How many tasks wait for each job that is queued or running.
        var waiters: [UInt64: Int] = [:]
        /// The jobs that are queued or running by their questions.
        var shared: [String: Job] = [:]
        /// The lanes that have jobs. Jobs without a lane are in one of their own.
        var lanes: [String?: Lane] = [:]
        /// How many threads there are.
        var threads = 0
        /// The gates of the threads without work, the most recent last.
        var idle: [ThreadGate] = []
        /// How many threads run jobs that nobody waits for.
        var abandoned = 0
        private var forks = forkCount()

        /// In a child that was forked off there are none of the threads.
        mutating func forgetParent() { if forks != forkCount() { self = State() } }
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

    /// How many threads the jobs of a lane may hold.
    private func room(in lane: String?) -> Int { lane == nil ? limits.threads : limits.lane }
}

// MARK: - Asking

extension BlockingPool {
    /// Runs a blocking call on a thread of the pool.
    ///
    /// - Parameters:
    ///   - lane: Which jobs it may hold up, and be held up by; nil if it is quick.
    ///   - key: The question, if a task that asks the same meanwhile may have the same answer.
    ///   - body: What runs; it may go on running after this returned, if the task was cancelled.
    /// - Returns: What the body returned.
    /// - Throws: Why there is no answer.
    package func run<Value: Sendable>(
        in lane: String? = nil,
        sharing key: String? = nil,
        _ body: @escaping @Sendable () -> Value
    ) async throws(Failure) -> Value {
        if let failure = Deadline.current.failure { throw Failure(failure) }
        let (ticket, answer) = try job(lane, key, body)
        let result: Result<Value, Failure>
        do throws(OperationFailure) {
            result = try await answer.park { $0 }
        } catch {
            letGo(ticket, lane)
            throw Failure(error)
        }
        return try result.get()
    }

    /// Runs a blocking call that nobody waits for: on a thread of the pool, or here if there is
    /// none.
    package func run(unawaited body: @escaping @Sendable () -> Void) {
        do throws(Failure) {
            _ = try submit(in: nil) { ticket in
                Job(ticket: ticket, lane: nil, key: nil, answer: ()) {
                    body()
                    return {}
                } fail: { _ in
                    body()
                }
            }
        } catch {
            body()
        }
    }

    private typealias Answer<Value: Sendable> = WaitList<Result<Value, Failure>?>

    /// The job that answers a question already, or a new one.
    private func job<Value: Sendable>(
        _ lane: String?,
        _ key: String?,
        _ body: @escaping @Sendable () -> Value
    ) throws(Failure) -> (UInt64, Answer<Value>) {
        if let joined: (UInt64, Answer<Value>) = joined(key, lane) { return joined }
        let answer = Answer<Value>(nil)
        let ticket = try submit(in: lane) { ticket in
            Job(ticket: ticket, lane: lane, key: key, answer: answer) {
                let value = body()
                return { answer.unpark { $0 = .success(value) } }
            } fail: { failure in
                answer.unpark { $0 = .failure(failure) }
            }
        }
        return (ticket, answer)
    }

    private func joined<Value: Sendable>(
        _ key: String?,
        _ lane: String?
    ) -> (UInt64, Answer<Value>)? {
        guard let key else { return nil }
        return state.withLock { state in
            state.forgetParent()
            guard let job = state.shared[key], job.lane == lane,
                let answer = job.answer as? Answer<Value>
            else { return nil }
            // Once abandoned, it is waited for again.
            if state.waiters[job.ticket] == 0 { state.abandon(job.lane, -1) }
            state.waiters[job.ticket, default: 0] += 1
            return (job.ticket, answer)
        }
    }

    /// Takes a new job in; returns its ticket.
    private func submit(
        in lane: String?,
        _ makeJob: (UInt64) -> Job
    ) throws(Failure) -> UInt64 {
        enum Step {
            case wake(ThreadGate)
            case start
            case wait
        }
        let (ticket, step) = try state.withLock { (state) throws(Failure) -> (UInt64, Step) in
            state.forgetParent()
            let (room, all) = (room(in: lane), state.lanes[lane] ?? Lane())
            if state.abandoned >= limits.threads { throw .exhausted(state.abandoned) }
            if all.abandoned >= room { throw .exhausted(room) }
            let gate = all.running < room ? state.idle.popLast() : nil
            let startsThread =
                gate == nil && all.running < room && state.threads < limits.threads
            if gate == nil, !startsThread, all.queued >= limits.queue {
                throw .queueFull(limits.queue)
            }
            state.nextTicket += 1
            state.add(makeJob(state.nextTicket))
            if startsThread { state.threads += 1 }
            return (state.nextTicket, gate.map { .wake($0) } ?? (startsThread ? .start : .wait))
        }
        switch step {
        case .wake(let gate): gate.open()
        case .start: startWorker()
        case .wait: break
        }
        return ticket
    }

    private func startWorker() {
        do throws(Errno) {
            try startThread(name: name) { [self] in work() }
        } catch {
            let stranded = state.withLock { state -> [Job] in
                state.threads -= 1
                // Other threads will come to the job, if there are others.
                return state.threads > 0 ? [] : state.takeQueue { _ in true }
            }
            for job in stranded { job.fail(.noThread(error)) }
        }
    }

    /// A task does not wait for a job any more. If no other does, the job is forgotten in the
    /// queue, and abandoned if it runs.
    private func letGo(_ ticket: UInt64, _ lane: String?) {
        let (stranded, count) = state.withLock { state -> ([Job], Int) in
            // Gone from the table: it is done.
            guard let waiters = state.waiters[ticket] else { return ([], 0) }
            state.waiters[ticket] = waiters - 1
            if waiters > 1 { return ([], 0) }
            if !state.takeQueue(where: { $0.ticket == ticket }).isEmpty { return ([], 0) }
            state.abandon(lane, 1)
            if state.abandoned >= limits.threads {
                return (state.takeQueue { _ in true }, limits.threads)
            }
            let room = room(in: lane)
            guard state.lanes[lane]?.abandoned == room else { return ([], 0) }
            return (state.takeQueue { $0.lane == lane }, room)
        }
        for job in stranded { job.fail(.exhausted(count)) }
    }
}

extension BlockingPool.State {
    /// Puts a new job in the queue, with one task that waits for it.
    fileprivate mutating func add(_ job: BlockingPool.Job) {
        queue.append(job)
        waiters[job.ticket] = 1
        lanes[job.lane, default: .init()].queued += 1
        // One of another lane or type may have the key already.
        if let key = job.key, shared[key] == nil { shared[key] = job }
    }

    /// Takes jobs that have no thread out.
    fileprivate mutating func takeQueue(
        where isWanted: (BlockingPool.Job) -> Bool
    ) -> [BlockingPool.Job] {
        let taken = queue.filter(isWanted)
        queue.removeAll(where: isWanted)
        for job in taken {
            lanes[job.lane]?.queued -= 1
            forget(job)
        }
        return taken
    }

    /// Takes the oldest job out that a thread may run now.
    fileprivate mutating func takeNext(room: (String?) -> Int) -> BlockingPool.Job? {
        let hasRoom = { (job: BlockingPool.Job) in
            (lanes[job.lane]?.running ?? 0) < room(job.lane)
        }
        guard let index = queue.firstIndex(where: hasRoom) else { return nil }
        let job = queue.remove(at: index)
        lanes[job.lane]?.queued -= 1
        lanes[job.lane]?.running += 1
        return job
    }

    /// Notes that a running job is done.
    fileprivate mutating func finish(_ job: BlockingPool.Job) {
        if waiters[job.ticket] == 0 { abandon(job.lane, -1) }
        lanes[job.lane]?.running -= 1
        forget(job)
    }

    fileprivate mutating func abandon(_ lane: String?, _ count: Int) {
        abandoned += count
        lanes[lane]?.abandoned += count
    }

    private mutating func forget(_ job: BlockingPool.Job) {
        waiters[job.ticket] = nil
        if let key = job.key, shared[key]?.ticket == job.ticket { shared[key] = nil }
        if let lane = lanes[job.lane], lane.running + lane.queued == 0 { lanes[job.lane] = nil }
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

    /// Notes that a job is done, and takes the oldest one that may begin; if there is none, the
    /// thread is idle from now on.
    ///
    /// Both in one step, before the answer is handed out: a task that asks again at once finds the
    /// thread idle.
    private func nextJob(after done: Job?, elseAt gate: ThreadGate) -> Job? {
        state.withLock { state in
            if let done { state.finish(done) }
            if let job = state.takeNext(room: room) { return job }
            if !state.idle.contains(where: { $0 === gate }) { state.idle.append(gate) }
            return nil
        }
    }
}
