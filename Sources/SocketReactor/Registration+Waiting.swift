internal import SocketSystem
internal import Synchronization

extension Registration {
    /// Begins a wait of a turn's holder for its direction. What it says must be done follows, then
    /// `endWait`, called by the same async function, since the handler lives on the task's own stack.
    public func beginWait(_ direction: Direction) -> WaitStart {
        if !state.load(ordering: .relaxed)[direction].has(ReadinessSlot.armed) {
            if let failure = arm(direction) { return over(failure, direction) }
        }
        guard loop.isCurrent, let task = suspendableTask() else {
            endStreak()
            addCancellationHandler(direction)
            return .continue
        }
        // Noted before the wait is known: afterwards the waiter is who ends the wait.
        let deadline = Deadline.current
        if deadline != nil { withWaiter(direction) { $0.hasDeadline = true } }
        guard owner.load(ordering: .relaxed) != task.id else {
            if case .resume(let outcome) = step({ $0[direction].wait(asOwner: true) }) {
                return over(outcome, direction)
            }
            return beginOwnersWait(task, direction, deadline)
        }
        // SAFETY: one of the two ways out of a wait resumes the task, once; its handler is removed by
        // `endWait`. Whoever clears `waiting` hands the task to this thread, which is still in here.
        withWaiter(direction) { unsafe $0.task = Wakeable(task.job, on: loop) }
        addCancellationHandler(direction)
        if case .resume(let outcome) = step({ $0[direction].wait() }) {
            return over(outcome, direction)
        }
        if let deadline { loop.limitWait(self, direction, until: deadline) }
        return .suspend
    }

    /// `begin`, and the wait in the same step where nothing has arrived and the socket's owner asks
    /// on its loop's thread: most of all operations.
    @inline(__always)
    func beginOrWaitAsOwner(_ direction: Direction) -> BeginAction {
        let owner = owner.load(ordering: .relaxed)
        let old = state.load(ordering: .relaxed)
        var new = old
        guard owner != 0, new[direction].beginWaitAsOwner(), Deadline.current == nil,
            loop.isCurrent, let task = suspendableTask(), owner == task.id,
            state.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing)
                .exchanged
        else { return begin(direction) }
        return beginOwnersWait(task, direction, nil) == .suspend ? .suspend : .endWait
    }

    /// The rest of a wait of the owner's, which needs no handler of its own.
    @inline(__always)
    private func beginOwnersWait(
        _ task: SuspendableTask,
        _ direction: Direction,
        _ deadline: Deadline?
    ) -> WaitStart {
        // `cancelOwner` may have come before `waiting` was set: look after it was.
        fullBarrier()
        if task.isCancelled, step({ $0[direction].cancel() }) {
            return over(.cancelled, direction)
        }
        // One that has passed already ends the wait in the loop's next turn, before the poller is
        // asked: data that come later come too late.
        if let deadline { loop.limitWait(self, direction, until: deadline) }
        return .suspend
    }

    private func over(_ outcome: WaitOutcome, _ direction: Direction) -> WaitStart {
        withWaiter(direction) { $0.outcome = outcome }
        return .over
    }

    @inline(__always)
    private func addCancellationHandler(_ direction: Direction) {
        // SAFETY: removed by `endWait`; this object outlives the operation that waits.
        let handler = unsafe CancellationHandler(
            object: Unmanaged.passUnretained(self).toOpaque(),
            tag: direction == .read ? 0 : 1
        )
        withWaiter(direction) { unsafe $0.handler = unsafe handler }
    }

    /// Suspends the task that has begun to wait, wherever it runs.
    public func waitByContinuation(_ direction: Direction) async {
        let deadline = Deadline.current
        // Before the wait is known: a deadline that passes in between leaves its mark.
        if let deadline { loop.limitWait(self, direction, until: deadline) }
        let outcome = await unsafe _unsafeInheritExecutor_withUnsafeContinuation {
            (continuation: UnsafeContinuation<WaitOutcome, Never>) in
            // SAFETY: whoever clears `waiting` resumes, once; here it was never set.
            withWaiter(direction) { unsafe $0.task = Wakeable(continuation, .ready) }
            if case .resume(let outcome) = step({ $0[direction].wait() }) {
                unsafe continuation.resume(returning: outcome)
            }
        }
        seeHandOver()
        if deadline != nil { loop.unlimitWait(self, direction) }
        withWaiter(direction) { $0.outcome = outcome }
    }

    /// Ends a wait.
    @inline(__always)
    public func endWait(_ direction: Direction) -> WaitOutcome {
        let (outcome, isPlain) = withWaiter(direction) { ($0.outcome, $0.isPlain) }
        if !isPlain { cleanUpWait(direction) }
        return outcome
    }

    /// Takes back what the wait of a task that is not the owner, or has a deadline, has set up.
    private func cleanUpWait(_ direction: Direction) {
        let waiter = withWaiter(direction) { waiter in
            defer { waiter.clear() }
            return waiter
        }
        if waiter.hasDeadline { loop.unlimitWait(self, direction) }
        if let handler = unsafe waiter.handler { unsafe handler.remove() }
    }

    /// The current task owns the socket from now on: one handler tells all of its waits that it is
    /// cancelled, where others add and remove one each.
    ///
    /// `disown` follows in the same async function, which keeps the registration until then. Not a
    /// function around a body: its frame would stay in the memory of every idle client.
    ///
    /// A socket has one owner: another task that asks has to do as all others.
    public func own() -> Ownership {
        guard let task = suspendableTask(),
            owner.compareExchange(expected: 0, desired: task.id, ordering: .relaxed).exchanged
        else { return unsafe Ownership(handler: nil) }
        // SAFETY: removed by `disown`.
        return unsafe Ownership(
            handler: CancellationHandler(
                object: Unmanaged.passUnretained(self).toOpaque(),
                tag: Self.ownersTag
            )
        )
    }

    /// Ends what `own` began.
    public func disown(_ ownership: Ownership) {
        guard let handler = unsafe ownership.handler else { return }
        // SAFETY: added by `own`.
        unsafe handler.remove()
        owner.store(0, ordering: .relaxed)
    }

    /// What the handler of an owner is added with; those of a wait have 0 or 1.
    private static let ownersTag: CInt = 2

    private func cancelOwner() {
        fullBarrier()
        for direction in Direction.allCases
        where step({ $0[direction].cancelOwner() }) {
            woken(direction, .cancelled).resume()
        }
    }

    /// What the handlers of a wait call. Every loop sets it before its first registration.
    static let cancellationBody: CancellationBody = { object, tag in
        // SAFETY: a wait's registration lives until the handler is removed.
        unsafe Unmanaged<Registration>.fromOpaque(object!)._withUnsafeGuaranteedRef {
            if tag == ownersTag { return $0.cancelOwner() }
            $0.cancel(tag == 0 ? .read : .write)
        }
    }

    /// The deadline of who waits, or is about to, has passed. Called by the loop under its lock.
    func expire(_ direction: Direction, waking woken: inout [Wakeable]) {
        if step({ $0[direction].expire() }) { woken.append(self.woken(direction, .timedOut)) }
    }

    private func cancel(_ direction: Direction) {
        if step({ $0[direction].cancel() }) { woken(direction, .cancelled).resume() }
    }

    /// Lets the poller watch a direction, before the wait is announced: the turn still keeps the
    /// descriptor alive. An event that comes early leaves the slot ready.
    private func arm(_ direction: Direction) -> WaitOutcome? {
        loop.update(self) {
            step { $0[direction].arm() }
        }
    }

    @inline(__always)
    private func withWaiter<Result>(
        _ direction: Direction,
        _ body: (inout Waiter) -> Result
    ) -> Result {
        // SAFETY: called by the turn's holder while `waiting` is not set, and in between by who has
        // cleared it; the steps of the state order the two.
        switch direction {
        case .read: unsafe body(&reader)
        case .write: unsafe body(&writer)
        }
    }

    /// The waiter, as a task that the caller alone resumes: its step has cleared `waiting`.
    @inline(__always)
    func woken(_ direction: Direction, _ outcome: WaitOutcome) -> Wakeable {
        let task = withWaiter(direction) { waiter in
            waiter.outcome = outcome
            return waiter.task
        }
        // SAFETY: as for any waiter; the owner lives until it has ended the wait.
        guard let task else {
            return unsafe Wakeable(suspendedTask(owner.load(ordering: .relaxed)), on: loop)
        }
        if task.isContinuation { showHandOver() }
        return task.with(outcome)
    }

    /// Says to ThreadSanitizer, as does `seeHandOver`, what a continuation assures anyway: that who
    /// is resumed comes after who resumes. Where the task has not suspended yet, the runtime does not
    /// tell it. On the machines that we know these are a plain store and load.
    @inline(__always)
    private func showHandOver() {
        companion.store(companion.load(ordering: .relaxed), ordering: .releasing)
    }

    @inline(__always)
    private func seeHandOver() {
        _ = companion.load(ordering: .acquiring)
    }

    /// Somebody else than the kernel knows that a direction is ready.
    public func signal(_ direction: Direction) {
        if step({ $0[direction].kernelReady(eager: false, repeats: false) }) {
            woken(direction, .ready).resume()
        }
    }

    /// The holder's call found nothing, and no error either, on a socket whose errors are gone once
    /// they are reported: datagrams'. A stream's hang-up stays, so this is not for streams.
    package func calm(_ direction: Direction) {
        guard state.load(ordering: .relaxed)[direction].has(ReadinessSlot.eager) else { return }
        step { $0[direction].calm() }
    }

    /// Says which object is touched whenever the socket becomes ready.
    public func prefetches(_ object: AnyObject) {
        // SAFETY: the address is prefetched, never followed.
        let address = unsafe UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
        companion.store(address, ordering: .relaxed)
    }

    /// An event arrived. Called by the loop under its lock, with what is to be done with a waiter.
    ///
    /// `repeats` says that the poller is level-triggered.
    ///
    /// - Returns: Whether `armed` has changed, which the poller must be told.
    @inline(__always)
    func kernelReady(
        _ readiness: Readiness,
        repeats: Bool,
        wake: (Wakeable) -> Void
    ) -> Bool {
        prefetch(address: companion.load(ordering: .relaxed))
        if readiness == .read, !repeats {
            if step({ $0[.read].kernelReady(eager: false, repeats: false) }) {
                wake(woken(.read, .ready))
            }
            return false
        }
        return otherwiseReady(readiness, repeats: repeats, wake: wake)
    }

    /// What is not mere readiness to read, told once.
    private func otherwiseReady(
        _ readiness: Readiness,
        repeats: Bool,
        wake: (Wakeable) -> Void
    ) -> Bool {
        let (wakeReader, wakeWriter, disarmed) = step { state -> (Bool, Bool, Bool) in
            let armed = repeats ? state.armed : []
            var wakes = (false, false)
            if readiness.contains(.read) {
                wakes.0 = state[.read].kernelReady(
                    eager: readiness.contains(.eagerRead),
                    repeats: repeats
                )
            }
            if readiness.contains(.write) {
                wakes.1 = state[.write].kernelReady(
                    eager: readiness.contains(.eagerWrite),
                    repeats: repeats
                )
            }
            return (wakes.0, wakes.1, repeats && state.armed != armed)
        }
        if wakeReader { wake(woken(.read, .ready)) }
        if wakeWriter { wake(woken(.write, .ready)) }
        return disarmed
    }

    /// The directions that the poller should be watching.
    var armed: Interest {
        let armed = state.load(ordering: .acquiring).armed
        guard errorsOnly, armed.contains(.read) else { return armed }
        return armed.subtracting(.read).union(.error)
    }
}

/// That a task owns a socket, or has asked to, see `Registration.own`.
@safe
public struct Ownership {
    /// Nil where the socket has another owner.
    let handler: CancellationHandler?
}
