package import SocketSystem
package import Synchronization

/// One thread, one poller, one queue of jobs: where readiness becomes a resumed task.
///
/// A turn of the loop: run the jobs that were queued when the turn began (never until empty, or a
/// task that keeps yielding would starve I/O), fire the timers that are due, poll (without waiting
/// while jobs are queued), resume whom the events concern. Resuming queues jobs on this very loop,
/// so a task runs on the thread of the socket that woke it, without a lock or a system call.
package final class EventLoop: Sendable {
    /// The executor whose jobs this loop runs, by identity: the group owns the loop.
    private let group: ObjectIdentifier
    /// How the loop waits.
    let poller: any Poller
    /// Whether it may look once more before it sleeps: not where a look costs more than a sleep.
    private let looksBeforeSleep: Bool
    /// Ends the poller's wait from another thread.
    private let wakeup: Wakeup
    /// What other threads may touch, under its lock.
    let shared = Mutex(Shared())
    /// Whether the loop waits, or is about to, and wants the wakeup.
    private let parked = Atomic<Bool>(false)
    /// Whether `Shared` holds something for the loop's next turn.
    let hasMail = Atomic<Bool>(false)
    /// How many registrations there are, for spreading new ones. A hint.
    package let registrationCount = Atomic<Int>(0)
    /// The moment of the first timer, nanoseconds. Written under the lock.
    let nextTimer = Atomic<Int64>(.max)
    /// Where tasks of this loop read before the exact bytes are copied out. The loop's thread only.
    package let scratch = ScratchBuffer(size: 64 * 1024)

    // SAFETY: those below are touched by the loop's own thread only.

    /// What chunks are copied into. The loop's thread only.
    @exclusivity(unchecked)
    nonisolated(unsafe) var spareChunk = SpareChunk()

    /// The jobs to run in the next turn.
    @exclusivity(unchecked)
    private nonisolated(unsafe) var jobs: [UnownedJob] = []
    /// The jobs of this turn; kept for its storage.
    @exclusivity(unchecked)
    private nonisolated(unsafe) var batch: [UnownedJob] = []
    /// The events of this turn and whom they wake; kept for their storage.
    @exclusivity(unchecked)
    private nonisolated(unsafe) var turn = Turn()

    /// How many turns the loop has run since it was told to stop.
    private nonisolated(unsafe) var lastTurns = 0

    /// Backs `messages`.
    @exclusivity(unchecked)
    private nonisolated(unsafe) var madeMessages: MessageBatch?

    /// What a turn collects.
    private struct Turn {
        var events: [ReadyEvent] = []
        var woken: [Wakeable] = []
        var preemption = WakeupPreemption()
        var idleYield = IdleYield()
    }

    /// What the loop's lock protects.
    struct Shared: ~Copyable {
        /// Jobs from other threads.
        var inbox: [UnownedJob] = []
        /// What to do when.
        var timers = TimerHeap<Alarm>()
        /// The timers of waits that have a deadline.
        var deadlines: [LimitedWait: TimerHeap<Alarm>.Token] = [:]
        /// Which registration an event's key means.
        var table = RegistrationTable()
        /// How far the loop is with ending.
        var phase = Phase.running
    }

    enum Phase {
        case running
        /// Ends as soon as nothing is left to do for anybody.
        case retiring
        /// Closes every socket and ends.
        case stopping
        /// The thread has ended, or is past its last look at the inbox.
        case stopped
    }

    init(group: LoopGroup, poller: any Poller, usePipe: Bool) throws(Errno) {
        self.group = ObjectIdentifier(group)
        self.poller = poller
        looksBeforeSleep = !poller.needsWakeAfterChange
        wakeup = try Wakeup(usePipe: usePipe)
        try poller.add(wakeup.descriptor, key: RegistrationTable.wakeupKey, interest: .read)
    }

    /// Where tasks of this loop receive datagrams before the exact bytes are copied out: sixteen at
    /// once, each as large as IP can carry. The loop's thread only. Made for the first datagram
    /// socket; of its megabyte the kernel gives only the pages that datagrams have come to lie in.
    package var messages: MessageBatch {
        // SAFETY: the loop's own thread.
        if let messages = unsafe madeMessages { return messages }
        let messages = MessageBatch(capacity: 16, messageSize: 64 * 1024, controlSize: 1280)
        unsafe madeMessages = messages
        return messages
    }

    /// The loop whose thread this is, if it is one.
    package static var current: EventLoop? { withCurrent { $0 } }

    /// Runs a body with the loop whose thread this is, if it is one, without counting references.
    @inline(__always)
    package static func withCurrent<Result>(_ body: (EventLoop) -> Result) -> Result? {
        guard let pointer = unsafe threadObject() else { return nil }
        // SAFETY: only `run` stores here, and its thread keeps the loop alive. Counting references
        // would have every enqueued job write to the loop's header.
        return unsafe Unmanaged<EventLoop>.fromOpaque(pointer)._withUnsafeGuaranteedRef(body)
    }
}

// MARK: - The thread

extension EventLoop {
    /// Runs turns until the loop is stopped. The loop's thread lives in here.
    func run(on executor: UnownedTaskExecutor) {
        setThreadObject(self)
        while true {
            unsafe runBatch(on: executor)
            if hasMail.load(ordering: .relaxed), takeMail() { break }
            if nextTimer.load(ordering: .relaxed) != .max { fireTimers() }
            poll()
        }
        setThreadObject(nil as EventLoop?)
    }

    /// Runs the jobs that are queued now; those that they queue are for the next turn.
    @inline(__always)
    private func runBatch(on executor: UnownedTaskExecutor) {
        // SAFETY: the loop's own thread; `batch` is not touched by the jobs that run.
        unsafe swap(&jobs, &batch)
        for index in unsafe batch.indices {
            // Among a thousand connections a task's memory has left the nearer caches since it last
            // ran: it comes while the one before runs.
            if unsafe index + 1 < batch.count { unsafe prefetch(batch[index + 1]) }
            unsafe batch[index].runSynchronously(on: executor)
        }
        unsafe batch.removeAll(keepingCapacity: true)
    }

    /// Takes what other threads left; true if the loop must end.
    private func takeMail() -> Bool {
        var woken: [Wakeable] = []
        var orphans: [UnownedJob] = []
        let ends = shared.withLock { shared in
            hasMail.store(false, ordering: .relaxed)
            // SAFETY: the loop's own thread.
            unsafe jobs.append(contentsOf: shared.inbox)
            shared.inbox.removeAll(keepingCapacity: shared.inbox.count < 1024)
            if shared.phase == .running { return false }
            if shared.phase == .stopping {
                closeAll(&shared, waking: &woken)
                // A task that yields again and again would keep the loop for ever.
                unsafe lastTurns += 1
                if unsafe lastTurns > Self.mostLastTurns { unsafe swap(&orphans, &jobs) }
            }
            guard unsafe jobs.isEmpty, woken.isEmpty, shared.timers.count == 0,
                registrationCount.load(ordering: .relaxed) == 0
            else {
                // What keeps a retiring loop tells us when it is gone; jobs run in the next turn.
                let looksAgain = unsafe shared.phase == .stopping || !jobs.isEmpty
                hasMail.store(looksAgain, ordering: .relaxed)
                return false
            }
            shared.phase = .stopped
            return true
        }
        woken.resumeAll()
        for job in orphans { globalConcurrentExecutor.enqueue(job) }
        return ends
    }

    /// Enough for tasks to learn that their sockets are closed.
    private static let mostLastTurns = 16

    /// Wakes everyone who waits for a socket of this loop or sleeps on it, with `.closed`.
    private func closeAll(_ shared: inout Shared, waking woken: inout [Wakeable]) {
        var closed: [UInt64] = []
        shared.table.forEach { registration in
            // Who closes a registration at this moment deregisters it as soon as we let them.
            guard registration.closeByLoop(poller, waking: &woken) else { return }
            closed.append(registration.key)
        }
        for key in closed where shared.table.remove(key) {
            registrationCount.wrappingSubtract(1, ordering: .relaxed)
        }
        silenceAlarms(&shared, waking: &woken)
    }

    /// Waits for events, or only looks where jobs are queued, and resumes whom they concern.
    @inline(__always)
    private func poll() {
        // SAFETY: the loop's own thread.
        // A batch thread interrupts nobody when it wakes.
        if unsafe looksBeforeSleep && jobs.isEmpty && !turn.preemption.isBatch
            && turn.idleYield.isDue()
        {
            return unsafe pollAfterOthers(&turn)
        }
        if unsafe jobs.isEmpty {
            parked.store(true, ordering: .sequentiallyConsistent)
            // A sender stores its mail, then looks whether we are parked; we do it the other way
            // round, so one of the two sees the other.
            let sleeps = !hasMail.load(ordering: .sequentiallyConsistent)
            unsafe poller.poll(
                milliseconds: sleeps ? millisecondsUntilTimer() : 0,
                into: &turn.events
            )
            parked.store(false, ordering: .relaxed)
        } else {
            unsafe poller.poll(milliseconds: 0, into: &turn.events)
        }
        if unsafe turn.events.isEmpty { return }
        unsafe dispatch(&turn)
    }

    /// Lets others have the processor, then looks; where nothing has happened, the next turn sleeps.
    private func pollAfterOthers(_ turn: inout Turn) {
        let start = MonotonicTime.now.nanoseconds
        letOthersRun()
        let nanoseconds = MonotonicTime.now.nanoseconds - start
        poller.poll(milliseconds: 0, into: &turn.events)
        let found = !turn.events.isEmpty || hasMail.load(ordering: .relaxed)
        turn.idleYield.took(nanoseconds, found: found)
        if !turn.events.isEmpty { dispatch(&turn) }
    }

    private func dispatch(_ turn: inout Turn) {
        let repeats = !poller.isEdgeTriggered
        // SAFETY: the loop's own thread, here and below.
        let jobCount = unsafe jobs.count
        shared.withLock { shared in
            for event in turn.events { shared.table.prefetchRegistration(event.key) }
            for event in turn.events {
                guard event.key != RegistrationTable.wakeupKey else {
                    if repeats || wakeup.fills { wakeup.drain() }
                    continue
                }
                shared.table.withRegistration(event.key) { registration in
                    let disarmed = registration.kernelReady(event.readiness, repeats: repeats) {
                        // A job only has to be queued; a continuation is resumed without the lock.
                        if let job = $0.job { enqueueLocally(job) } else { turn.woken.append($0) }
                    }
                    guard disarmed else { return }
                    // Nobody waits: without this the poller would report it again and again.
                    try? poller.update(
                        registration.descriptor,
                        key: event.key,
                        interest: registration.armed
                    )
                }
            }
        }
        turn.events.removeAll(keepingCapacity: true)
        let wokeElsewhere = !turn.woken.isEmpty
        if wokeElsewhere {
            turn.woken.resumeAll()
            turn.woken.removeAll(keepingCapacity: true)
        }
        let wokeHere = unsafe jobs.count > jobCount
        if wokeElsewhere || wokeHere, turn.preemption.woke(elsewhere: !wokeHere) {
            setBatchScheduling(turn.preemption.isBatch)
        }
    }

    /// Rounded up, so that no timer fires early.
    private func millisecondsUntilTimer() -> CInt {
        let deadline = nextTimer.load(ordering: .relaxed)
        if deadline == .max { return -1 }
        let now = MonotonicTime.now.nanoseconds
        if deadline <= now { return 0 }
        return CInt(clamping: (deadline - now + 999_999) / 1_000_000)
    }
}

// MARK: - Jobs

extension EventLoop {
    /// Queues a job for the next turn. The loop's own thread calls it.
    @inline(__always)
    func enqueueLocally(_ job: UnownedJob) {
        // SAFETY: the loop's own thread.
        unsafe jobs.append(job)
    }

    /// Queues a job from any thread; false if the loop has ended and will not run it.
    func post(_ job: UnownedJob) -> Bool {
        let accepted = shared.withLock { shared in
            if shared.phase == .stopped { return false }
            shared.inbox.append(job)
            return true
        }
        if accepted { mailArrived() }
        return accepted
    }

    /// Whether this is one of a group's loops.
    @inline(__always)
    func belongs(to group: LoopGroup) -> Bool { self.group == ObjectIdentifier(group) }

    /// Whether the caller runs on this loop's thread.
    @inline(__always)
    var isCurrent: Bool {
        // SAFETY: the pointers are compared, nothing else.
        unsafe threadObject() == Unmanaged.passUnretained(self).toOpaque()
    }

    /// Lets a task go on that was suspended on this loop's thread. Any thread may call it.
    func resume(_ job: UnownedJob) {
        if isCurrent {
            enqueueLocally(job)
        } else if !post(job) {
            // The loop has ended; then the task finds its socket closed wherever it goes on.
            globalConcurrentExecutor.enqueue(job)
        }
    }

    /// Whether the loop waits for work. A hint.
    package var isParked: Bool { parked.load(ordering: .relaxed) }

    /// Makes the loop look at `Shared`; wakes it only where it is parked.
    func mailArrived() {
        hasMail.store(true, ordering: .sequentiallyConsistent)
        wakeIfParked()
    }

    func wakeIfParked() {
        if parked.load(ordering: .sequentiallyConsistent),
            parked.exchange(false, ordering: .acquiringAndReleasing)
        {
            wakeup.signal()
        }
    }

    /// Ends the loop: at once, its sockets closed, or when nothing needs it any more.
    func end(_ phase: Phase) {
        shared.withLock { shared in
            if shared.phase == .running || shared.phase == .retiring { shared.phase = phase }
        }
        mailArrived()
    }
}
