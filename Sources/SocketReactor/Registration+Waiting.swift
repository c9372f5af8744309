internal import SocketSystem
internal import Synchronization

extension Registration {
    /// Begins a wait of a turn's holder for its direction. What it says must be done follows, then
    /// `endWait`; all in one async function, since the handler lives on the task's own stack. That
    /// is `Operation.ready`: one more async function costs as much as several steps of the state.
    public func beginWait(_ direction: Direction) -> Wait {
        if !state.load(ordering: .relaxed)[direction].has(ReadinessSlot.armed) {
            if let failure = arm(direction) { return Wait(over: failure) }
        }
        guard loop.isCurrent, let task = suspendableTask() else {
            return unsafe Wait(.continuation, cancellationHandler(direction))
        }
        // SAFETY: one of the two ways out of a wait resumes the task, once; its handler is removed by
        // `endWait`. Whoever clears `waiting` hands the task to this thread, which is still in here.
        unsafe setWaiter(direction, Waiter(task: Wakeable(task.job, on: loop)))
        guard owner.load(ordering: .relaxed) != task.id else { return beginOwnersWait(direction) }
        let handler = unsafe cancellationHandler(direction)
        switch step({ $0[direction].wait() }) {
        case .suspend: return underDeadline(unsafe Wait(.suspend, handler), direction)
        case .resume(let outcome): return unsafe Wait(over: outcome, handler)
        }
    }

    /// The same for the owner, which needs no handler of its own.
    private func beginOwnersWait(_ direction: Direction) -> Wait {
        if case .resume(let outcome) = step({ $0[direction].wait(asOwner: true) }) {
            return Wait(over: outcome)
        }
        // `cancelOwner` may have come before `waiting` was set: look after it was.
        fullBarrier()
        if currentTaskIsCancelled(), step({ $0[direction].cancel() }) {
            return Wait(over: .cancelled)
        }
        return underDeadline(Wait(.suspend), direction)
    }

    /// A wait that the loop ends when the task's deadline passes. One that has passed already ends
    /// it in the loop's next turn, before the poller is asked: data that come later come too late.
    @inline(__always)
    private func underDeadline(_ wait: Wait, _ direction: Direction) -> Wait {
        guard let deadline = Deadline.current else { return wait }
        var wait = wait
        wait.hasDeadline = true
        loop.limitWait(self, direction, until: deadline)
        return wait
    }

    @unsafe
    @inline(__always)
    private func cancellationHandler(_ direction: Direction) -> CancellationHandler {
        // SAFETY: removed by `endWait`; this object outlives the operation that waits.
        unsafe CancellationHandler(
            object: Unmanaged.passUnretained(self).toOpaque(),
            tag: direction == .read ? 0 : 1
        )
    }

    /// Suspends the task that has begun to wait, wherever it runs.
    public func waitByContinuation(_ direction: Direction) async {
        let deadline = Deadline.current
        // Before the wait is known: a deadline that passes in between leaves its mark.
        if let deadline { loop.limitWait(self, direction, until: deadline) }
        let outcome = await unsafe _unsafeInheritExecutor_withUnsafeContinuation {
            (continuation: UnsafeContinuation<WaitOutcome, Never>) in
            // SAFETY: whoever clears `waiting` resumes, once; here it was never set.
            unsafe setWaiter(direction, Waiter(task: Wakeable(continuation, .ready)))
            if case .resume(let outcome) = step({ $0[direction].wait() }) {
                unsafe continuation.resume(returning: outcome)
            }
        }
        seeHandOver()
        if deadline != nil { loop.unlimitWait(self, direction) }
        setWaiter(direction, Waiter(task: nil, outcome: outcome))
    }

    /// Ends a wait.
    public func endWait(_ wait: Wait, _ direction: Direction) -> WaitOutcome {
        if wait.hasDeadline { loop.unlimitWait(self, direction) }
        if let handler = unsafe wait.handler { unsafe handler.remove() }
        return wait.next == .over ? wait.outcome : waiter(direction).outcome
    }

    /// The current task owns the socket from now on: one handler tells all of its waits that it is
    /// cancelled, where others add and remove one each.
    ///
    /// `disown` follows in the same async function, which keeps the registration until then. Not a
    /// function around a body: its frame would stay in the memory of every idle client.
    public func own() -> Ownership {
        owner.store(suspendableTask()?.id ?? 0, ordering: .relaxed)
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
        // SAFETY: added by `own`.
        unsafe ownership.handler.remove()
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
    private func setWaiter(_ direction: Direction, _ waiter: Waiter) {
        // SAFETY: the turn's holder is the only writer, and no one reads before `waiting` is set.
        switch direction {
        case .read: unsafe reader = waiter
        case .write: unsafe writer = waiter
        }
    }

    @inline(__always)
    private func waiter(_ direction: Direction) -> Waiter {
        // SAFETY: called by who cleared `waiting`, which was set after the waiter was stored, and
        // by the waiter after that.
        switch direction {
        case .read: unsafe reader
        case .write: unsafe writer
        }
    }

    /// The waiter, as a task that the caller alone resumes: its step has cleared `waiting`.
    @inline(__always)
    func woken(_ direction: Direction, _ outcome: WaitOutcome) -> Wakeable {
        var waiter = waiter(direction)
        waiter.outcome = outcome
        setWaiter(direction, waiter)
        if waiter.task!.isContinuation { showHandOver() }
        return waiter.task!.with(outcome)
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

    /// An event arrived. Called by the loop under its lock; who must be resumed is appended.
    ///
    /// `repeats` says that the poller is level-triggered.
    ///
    /// - Returns: Whether `armed` has changed, which the poller must be told.
    @inline(__always)
    func kernelReady(
        _ readiness: Readiness,
        repeats: Bool,
        waking woken: inout [Wakeable]
    ) -> Bool {
        prefetch(address: companion.load(ordering: .relaxed))
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
        if wakeReader { woken.append(self.woken(.read, .ready)) }
        if wakeWriter { woken.append(self.woken(.write, .ready)) }
        return disarmed
    }

    /// The directions that the poller should be watching.
    var armed: Interest {
        let armed = state.load(ordering: .acquiring).armed
        guard errorsOnly, armed.contains(.read) else { return armed }
        return armed.subtracting(.read).union(.error)
    }
}

/// That a task owns a socket, see `Registration.own`.
@safe
public struct Ownership {
    let handler: CancellationHandler
}
