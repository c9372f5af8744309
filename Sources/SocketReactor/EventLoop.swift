package import SocketSystem
internal import Synchronization

/// One thread, one poller, one queue of jobs: here readiness becomes a resumed task.
///
/// A turn of the loop: run the jobs that were queued when it began (never until there are none, or
/// a task that keeps yielding would starve I/O), poll (without waiting while jobs are queued),
/// resume the waiters that the events concern, then fire the timers that were due before the poll.
/// So data that arrived before a deadline is seen before the deadline is. A resumed task is queued
/// on this very loop, so it runs on the thread of the socket that woke it, without a lock or a
/// system call.
@safe
package final class EventLoop: Sendable {
    /// The executor whose jobs this loop runs, by identity: the group owns the loop.
    private let group: ObjectIdentifier
    /// How the loop waits.
    let poller: any Poller
    /// Whether it waits with select(2), which has room for few descriptors.
    package var usesSelect: Bool { poller is SelectPoller }
    /// Ends the poller's wait from another thread.
    private let wakeup: Wakeup
    /// What other threads may touch, under its lock.
    private let shared = Mutex(Shared())
    /// Whether the loop waits, or is about to, and wants the wakeup.
    private let parked = Atomic<Bool>(false)
    /// Whether `Shared` holds something for the loop's next turn.
    private let hasMail = Atomic<Bool>(false)
    /// How many registrations there are. Written under the lock; outside of it a hint, for
    /// spreading new ones.
    let registrationCount = Atomic<Int>(0)
    /// When its turn began, nanoseconds; kept if there are other loops to be preferred.
    private let turnBegan = Atomic(MonotonicTime.coarse.nanoseconds)
    private let keepsTurns: Bool
    /// How many forks this process had seen when the loop was made, see `isLeftBehind`.
    private let forks = forkCount()
    /// The moment of the first timer, nanoseconds. Written under the lock.
    private let nextTimer = Atomic<Int64>(.max)
    /// The sleeping tasks; the state is whether the loop has ended.
    let sleepers = WaitList(false)
    /// Why the loop had to end, if it could not wait any more: an error number.
    private let waitFailure = Atomic<CInt>(0)
    // SAFETY: what it points to is touched by the loop's thread only.
    private nonisolated(unsafe) let thread: UnsafeMutablePointer<LoopThread>

    /// What the loop's lock protects.
    private struct Shared: ~Copyable {
        /// Jobs from other threads.
        var inbox: [UnownedJob] = []
        /// What to call when.
        var timers = Timers()
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

    init(
        group: LoopGroup,
        poller: any Poller,
        usePipe: Bool,
        keepsTurns: Bool
    ) throws(Errno) {
        self.group = ObjectIdentifier(group)
        self.keepsTurns = keepsTurns
        self.poller = poller
        wakeup = try Wakeup(usePipe: usePipe)
        try poller.add(wakeup.descriptor, key: RegistrationTable.wakeupKey, interest: .read)
        // A sandbox may refuse what a loop does later: better now than to each socket.
        try wakeup.test()
        var events: [ReadyEvent] = []
        try poller.poll(milliseconds: 0, into: &events)
        unsafe thread = .allocate(capacity: 1)
        // SAFETY: nobody else knows it yet.
        unsafe thread.initialize(to: LoopThread(of: self, in: self.group))
    }

    deinit {
        unsafe thread.deinitialize(count: 1)
        unsafe thread.deallocate()
    }
}

// MARK: - The thread

extension EventLoop {
    /// Runs turns until the loop is stopped. The loop's thread lives in here.
    func run(on executor: UnownedTaskExecutor) {
        // SAFETY: here and below: this thread alone touches what `thread` points to.
        unsafe setCurrentLoop(thread)
        while true {
            if keepsTurns { turnBegan.store(MonotonicTime.coarse.nanoseconds, ordering: .relaxed) }
            unsafe runJobs(on: executor)
            if hasMail.load(ordering: .relaxed), takeMail() { break }
            poll()
        }
        unsafe setCurrentLoop(nil)
        unsafe thread.pointee.attachment = nil
        sleepers.unpark { $0 = true }
    }

    /// Runs the jobs that are queued now; those that they queue are for the next turn.
    @inline(__always)
    private func runJobs(on executor: UnownedTaskExecutor) {
        unsafe swap(&thread.pointee.jobs, &thread.pointee.batch)
        for job in unsafe thread.pointee.batch { unsafe job.runSynchronously(on: executor) }
        unsafe thread.pointee.batch.removeAll(keepingCapacity: true)
    }

    /// Waits for events, or only looks if there is something else to do, and resumes the waiters
    /// that they concern; then fires the timers that were due when it began.
    @inline(__always)
    private func poll() {
        var now = Int64.min
        if nextTimer.load(ordering: .relaxed) != .max { now = MonotonicTime.now.nanoseconds }
        let timersAreDue = nextTimer.load(ordering: .relaxed) <= now
        if !timersAreDue, !hasWork {
            parked.store(true, ordering: .sequentiallyConsistent)
            // A sender stores its mail, then looks whether we are parked; we do it the other way
            // round, so one of the two sees the other.
            let sleeps = !hasMail.load(ordering: .sequentiallyConsistent)
            wait(milliseconds: sleeps ? milliseconds(since: now) : 0)
            parked.store(false, ordering: .relaxed)
        } else {
            wait(milliseconds: 0)
        }
        // SAFETY: the loop's own thread.
        if unsafe !thread.pointee.events.isEmpty { dispatch() }
        if timersAreDue { fireTimers(dueAt: MonotonicTime(nanoseconds: now)) }
        if unsafe !thread.pointee.yielding.isEmpty { resumeYielding() }
    }

    @inline(__always)
    private func wait(milliseconds: CInt) {
        do throws(Errno) {
            // SAFETY: the loop's own thread.
            try unsafe poller.poll(milliseconds: milliseconds, into: &thread.pointee.events)
        } catch {
            waitFailed(error)
        }
    }

    /// A kernel that lacks memory is worth another try. An error that stays must not be hidden, nor
    /// take the processor for itself: the loop ends, and its sockets are closed.
    private func waitFailed(_ error: Errno) {
        if error.remedy == .pause { return pauseThread(milliseconds: 10) }
        waitFailure.store(error.rawValue, ordering: .relaxed)
        end(.stopping)
        pauseThread(milliseconds: 1)
    }

    /// What operations on a closed socket of this loop say.
    var endFailure: OperationFailure {
        let number = waitFailure.load(ordering: .relaxed)
        return number == 0 ? .closed : .system(Errno(rawValue: number))
    }

    /// Until the first timer, rounded up, so that none fires early; -1 if there is none.
    @inline(__always)
    private func milliseconds(since now: Int64) -> CInt {
        let timer = nextTimer.load(ordering: .relaxed)
        // One that was set just now, by another thread, has left mail.
        if timer == .max || now == .min { return -1 }
        let (wait, overflow) = timer.subtractingReportingOverflow(now)
        return overflow ? CInt.max : CInt(clamping: (wait + 999_999) / 1_000_000)
    }

    private func dispatch() {
        let repeats = !poller.isEdgeTriggered
        shared.withLock { shared in
            // SAFETY: the loop's own thread.
            for event in unsafe thread.pointee.events {
                guard event.key != RegistrationTable.wakeupKey else {
                    if repeats || wakeup.fills { wakeup.drain() }
                    continue
                }
                guard let registration = shared.table[event.key] else { continue }
                // SAFETY: the loop's own thread.
                let watches = unsafe registration.kernelReady(
                    event.readiness,
                    repeats: repeats,
                    into: &thread.pointee.woken
                )
                // Nobody waits: without this the poller would report it again and again.
                if watches { _ = update(registration) }
            }
        }
        unsafe thread.pointee.events.removeAll(keepingCapacity: true)
        for waiter in unsafe thread.pointee.woken { waiter.resume(true) }
        unsafe thread.pointee.woken.removeAll(keepingCapacity: true)
    }

    private func resumeYielding() {
        for task in unsafe thread.pointee.yielding { task.resume(true) }
        unsafe thread.pointee.yielding.removeAll(keepingCapacity: true)
    }
}

// MARK: - Mail from other threads

extension EventLoop {
    /// Queues a job from any thread; false if the loop has ended and will not run it.
    func post(_ job: UnownedJob) -> Bool {
        if isLeftBehind { return false }
        let accepted = shared.withLock { shared in
            if shared.phase == .stopped { return false }
            shared.inbox.append(job)
            return true
        }
        if accepted { mailArrived() }
        return accepted
    }

    /// Whether this is one of a group's loops.
    func belongs(to group: LoopGroup) -> Bool { self.group == ObjectIdentifier(group) }

    /// Whether the caller runs on this loop's thread.
    @inline(__always)
    // SAFETY: the addresses alone are compared.
    private var isCurrent: Bool { unsafe LoopThread.current == thread }

    /// Whether the loop waits for work. A hint.
    package var isParked: Bool { parked.load(ordering: .relaxed) }

    /// Whether a task has kept its thread for so long that others should not wait for it. A hint.
    func standsStill(at now: MonotonicTime) -> Bool {
        if isParked { return false }
        return now.nanoseconds - turnBegan.load(ordering: .relaxed) > 20_000_000
    }

    /// Whether this process is a child that was forked off without execve(2): the loop's thread has
    /// stayed in the parent.
    @inline(__always)
    package var isLeftBehind: Bool { forkCount() != forks }

    /// Makes the loop look at `Shared`; wakes it only if it is parked.
    private func mailArrived() {
        hasMail.store(true, ordering: .sequentiallyConsistent)
        wakeIfParked()
    }

    private func wakeIfParked() {
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

    /// Takes what other threads left; true if the loop must end.
    private func takeMail() -> Bool {
        hasMail.store(false, ordering: .relaxed)
        let (phase, registrations) = shared.withLock { shared in
            // SAFETY: the loop's own thread.
            unsafe thread.pointee.jobs.append(contentsOf: shared.inbox)
            shared.inbox.removeAll(keepingCapacity: shared.inbox.count < 1024)
            return (shared.phase, shared.phase == .stopping ? shared.table.all : [])
        }
        if phase == .running { return false }
        for registration in registrations { registration.close() }
        if phase == .stopping {
            sleepers.unpark { $0 = true }
            // A task that yields again and again would keep the loop for ever.
            unsafe thread.pointee.lastTurns += 1
        }
        let orphans = unsafe thread.pointee.lastTurns > Self.mostLastTurns
        if orphans { resumeYielding() }
        let ends = shared.withLock { shared in
            guard unsafe shared.inbox.isEmpty && thread.pointee.yielding.isEmpty,
                unsafe orphans || thread.pointee.jobs.isEmpty,
                shared.phase == .stopping || shared.timers.count == 0,
                registrationCount.load(ordering: .relaxed) == 0
            else {
                // What keeps a retiring loop tells us when it is gone; jobs run in the next turn.
                let looksAgain = shared.phase == .stopping || hasWork
                if looksAgain { hasMail.store(true, ordering: .relaxed) }
                return false
            }
            shared.phase = .stopped
            return true
        }
        guard ends else { return false }
        // SAFETY: the loop's own thread.
        for job in unsafe thread.pointee.jobs { globalConcurrentExecutor.enqueue(job) }
        unsafe thread.pointee.jobs = []
        return true
    }

    /// Whether tasks are to run in the next turn.
    private var hasWork: Bool {
        unsafe !thread.pointee.jobs.isEmpty || !thread.pointee.yielding.isEmpty
    }

    /// Enough for tasks to learn that their sockets are closed.
    private static let mostLastTurns = 16
}

// MARK: - Registrations

extension EventLoop {
    /// Takes a socket in: from now on its operations can wait. Whoever registers it closes it.
    ///
    /// - Parameters:
    ///   - descriptor: Non-blocking; the registration will close it.
    ///   - interest: What is watched from the beginning, beside what operations will arm.
    /// - Returns: The socket's membership in this loop.
    /// - Throws: `closed` if the loop has ended, `system` if the poller refuses.
    package func register(
        _ descriptor: consuming Descriptor,
        interest: Interest = .read
    ) throws(OperationFailure) -> Registration {
        let registration = try register(adopting: descriptor.rawValue, interest: interest)
        _ = descriptor.release()
        return registration
    }

    /// The same for a descriptor that stays its giver's if this throws. `late` says when it does
    /// not throw although the poller cannot watch the descriptor: then the first operation that has
    /// to wait does.
    package func register(
        adopting number: CInt,
        interest: Interest = .read,
        late: FailsLate = .never
    ) throws(OperationFailure) -> Registration {
        if isLeftBehind { throw .forked }
        let result = shared.withLock { shared -> Result<Registration, OperationFailure> in
            guard shared.phase == .running || shared.phase == .retiring else {
                return .failure(endFailure)
            }
            let key = shared.table.reserveKey()
            var watchFailure: Errno?
            do throws(Errno) {
                try poller.add(number, key: key, interest: poller.isEdgeTriggered ? interest : [])
            } catch {
                guard late.covers(error) else {
                    _ = shared.table.remove(key)
                    return .failure(.system(error))
                }
                watchFailure = error
            }
            let registration = Registration(
                descriptor: number,
                loop: self,
                key: key,
                interest: interest,
                watchFailure: watchFailure
            )
            shared.table[key] = registration
            // Under the lock, or a retiring loop could end in between.
            registrationCount.wrappingAdd(1, ordering: .relaxed)
            return .success(registration)
        }
        return try result.get()
    }

    /// Tells the poller to watch a direction of a registration, which `arm` notes; false if it
    /// cannot.
    func watch(_ registration: Registration, arm: () -> Void) -> Bool {
        // Under the lock nobody closes the descriptor between the look and the call.
        let watched = shared.withLock { _ in
            if registration.isClosed { return false }
            arm()
            return update(registration)
        }
        if watched, poller.needsWakeAfterChange { wakeIfParked() }
        return watched
    }

    private func update(_ registration: Registration) -> Bool {
        do throws(Errno) {
            try poller.update(
                registration.descriptor,
                key: registration.key,
                interest: registration.armed
            )
            return true
        } catch {
            return false
        }
    }

    /// Forgets a registration whose descriptor is still open.
    func deregister(_ registration: Registration) {
        let isRunning = shared.withLock { shared in
            if shared.table.remove(registration.key) {
                poller.remove(registration.descriptor)
                registrationCount.wrappingSubtract(1, ordering: .relaxed)
            }
            return shared.phase == .running
        }
        // A retiring loop may have waited for this.
        if !isRunning { mailArrived() } else if poller.needsWakeAfterChange { wakeIfParked() }
    }
}

// MARK: - Timers

extension EventLoop {
    /// Calls a body on the loop's thread when a moment has come; nil if the loop has ended.
    package func setTimer(
        at moment: MonotonicTime,
        _ body: @escaping @Sendable () -> Void
    ) -> LoopTimer? {
        if isLeftBehind { return nil }
        let token = shared.withLock { shared -> Timers.Token? in
            if shared.phase == .stopped { return nil }
            defer { noteNextTimer(shared) }
            return shared.timers.insert(body, at: moment)
        }
        if !isCurrent { mailArrived() }
        return token.map { LoopTimer(loop: self, token: $0) }
    }

    func cancelTimer(_ token: Timers.Token) {
        // Handed out, so that nothing is freed under the lock.
        let (body, isRunning) = shared.withLock { shared in
            defer { noteNextTimer(shared) }
            return (shared.timers.remove(token), shared.phase == .running)
        }
        // The timer may have been the last thing that kept a retiring loop.
        if body != nil, !isRunning { mailArrived() }
    }

    private func fireTimers(dueAt now: MonotonicTime) {
        var bodies: [@Sendable () -> Void] = []
        shared.withLock { shared in
            while let body = shared.timers.popDue(at: now) { bodies.append(body) }
            if shared.phase != .running { hasMail.store(true, ordering: .relaxed) }
            noteNextTimer(shared)
        }
        for body in bodies { body() }
    }

    private func noteNextTimer(_ shared: borrowing Shared) {
        nextTimer.store(shared.timers.nextDeadline.nanoseconds, ordering: .relaxed)
    }
}
