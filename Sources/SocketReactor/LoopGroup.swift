package import SocketSystem
internal import Synchronization

/// Several event loops as one task executor.
///
/// A job that one of the loops' threads enqueues stays on that loop; a job from any other thread
/// goes to a loop that waits for work, if there is one. So a task follows the socket that woke it,
/// and a loop that a program blocks does not stop the others.
package final class LoopGroup: TaskExecutor {
    /// The loops, in the order of their threads' names.
    package var loops: [EventLoop] {
        // SAFETY: see `startedLoops`.
        unsafe startedLoops
    }

    /// How the loops wait.
    package let backend: PollerBackend

    /// A loop knows its group, so the loops are made after it: written once, by `init`, before
    /// anyone else knows the group.
    @exclusivity(unchecked)
    private nonisolated(unsafe) var startedLoops: [EventLoop] = []
    /// Where the search for a loop begins next time, so that equals take turns.
    private let nextIndex = Atomic<Int>(0)
    /// How many threads still run.
    private let threads = WaitList(0)

    /// Starts the loops' threads.
    ///
    /// - Parameters:
    ///   - count: How many loops, at least one.
    ///   - options: How they wait and are woken.
    /// - Throws: `Errno` if the system refuses a thread, a descriptor or a system call.
    package init(loops count: Int, options: LoopOptions = LoopOptions()) throws(Errno) {
        backend = options.backend
        countForks()
        for _ in 0..<max(count, 1) {
            let poller = try options.makePoller()
            let loop = try EventLoop(
                group: self,
                poller: poller,
                usePipe: options.usesPipeWakeup,
                keepsTurns: count > 1
            )
            // SAFETY: nobody else knows the group yet, see `startedLoops`.
            unsafe startedLoops.append(loop)
        }
        for (index, loop) in loops.enumerated() {
            threads.unpark { $0 += 1 }
            do throws(Errno) {
                // The thread keeps the group and the loop alive.
                try startThread(name: "\(options.threadName)-\(index)") { [self] in
                    // A refusal costs speed, nothing else.
                    if options.pinsThreads { _ = try? pinThread(toProcessor: index) }
                    // SAFETY: this closure keeps the group alive for as long as the loop runs.
                    unsafe loop.run(on: asUnownedTaskExecutor())
                    threads.unpark { $0 -= 1 }
                }
            } catch {
                threads.unpark { $0 -= 1 }
                for started in loops { started.end(.stopping) }
                throw error
            }
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if !EventLoop.enqueueHere(job, of: ObjectIdentifier(self)) { post(job) }
    }

    private func post(_ job: UnownedJob) {
        let loops = loops
        let start = nextIndex.wrappingAdd(1, ordering: .relaxed).newValue
        let order = loops.indices.lazy.map { loops[abs((start &+ $0) % loops.count)] }
        let now = MonotonicTime.coarse
        let free = order.first { $0.isParked } ?? order.first { !$0.standsStill(at: now) }
        if let free, free.post(job) { return }
        for loop in order where loop.post(job) { return }
        // The group was shut down: its tasks go on elsewhere, where they will find their sockets
        // closed.
        globalConcurrentExecutor.enqueue(job)
    }

    /// The loop for a new socket: the one with the fewest, this thread's own among equals; none
    /// that stands still, if another does not.
    package var leastLoadedLoop: EventLoop {
        let loops = loops
        if loops.count == 1 { return loops[0] }
        let now = MonotonicTime.coarse
        var best: EventLoop?
        if let current = EventLoop.current, current.belongs(to: self) { best = current }
        var fewest = best?.registrationCount.load(ordering: .relaxed) ?? .max
        for loop in loops where loop !== best && !loop.standsStill(at: now) {
            let count = loop.registrationCount.load(ordering: .relaxed)
            if count < fewest { (best, fewest) = (loop, count) }
        }
        return best ?? loops[0]
    }

    /// Ends the threads as soon as no socket, job or timer needs them.
    package func retire() {
        for loop in loops { loop.end(.retiring) }
    }

    /// Closes every socket of the group and ends its threads; returns when they have ended.
    ///
    /// Called by a task that runs on the group, it returns on another executor.
    package func shutdown() async {
        for loop in loops { loop.end(.stopping) }
        await threads.parkUncancelled { $0 == 0 }
    }
}

/// How the loops of a group wait.
package struct LoopOptions: Sendable {
    package var backend: PollerBackend = .epoll
    /// A pipe wakes the loops even where eventfd(2) works.
    package var usesPipeWakeup = false
    /// Makes a loop's poller, in place of the backend's own: for tests.
    package var poller: (@Sendable () throws(Errno) -> any Poller)?
    package var threadName = "sockets"
    /// Whether each thread stays on one processor.
    package var pinsThreads = false

    package init() {}

    func makePoller() throws(Errno) -> any Poller {
        if let poller { return try poller() }
        return try backend.makePoller()
    }
}

/// Which system call a loop waits with.
package enum PollerBackend: String, Sendable, CaseIterable {
    /// epoll(7), edge-triggered.
    case epoll
    /// epoll(7), level-triggered.
    case epollLevel = "epoll-level"
    /// poll(2).
    case poll
    /// select(2): no descriptor may be 1024 or more.
    case select

    package func makePoller() throws(Errno) -> any Poller {
        switch self {
        case .epoll: try EpollPoller(edgeTriggered: true)
        case .epollLevel: try EpollPoller(edgeTriggered: false)
        case .poll: PollPoller()
        case .select: SelectPoller()
        }
    }
}
