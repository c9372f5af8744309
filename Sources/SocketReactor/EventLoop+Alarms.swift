package import SocketSystem
internal import Synchronization

/// What a loop does when a moment has come.
enum Alarm: Sendable {
    /// Somebody slept until then.
    case wake(Wakeable)
    /// A wait for a socket, which keeps the registration, may last no longer.
    case expire(LimitedWait, Registration)
    /// Something else ends then. Called without the loop's lock.
    case call(@Sendable () -> Void)
}

/// A wait that has a deadline.
struct LimitedWait: Hashable, Sendable {
    let registration: UInt64
    let direction: Direction
}

// MARK: - Ringing

extension EventLoop {
    /// Rings the alarms that are due.
    func fireTimers() {
        let now = MonotonicTime.now
        guard nextTimer.load(ordering: .relaxed) <= now.nanoseconds else { return }
        var woken: [Wakeable] = []
        var calls: [@Sendable () -> Void] = []
        shared.withLock { shared in
            while let alarm = shared.timers.popDue(at: now) {
                switch alarm {
                case .wake(let sleeper): woken.append(sleeper)
                case .call(let body): calls.append(body)
                case .expire(let wait, let registration):
                    // Under the lock, so that the wait's end finds it rung or takes it away.
                    shared.deadlines[wait] = nil
                    registration.expire(wait.direction, waking: &woken)
                }
            }
            if shared.phase != .running { hasMail.store(true, ordering: .relaxed) }
            noteNextTimer(shared)
        }
        woken.resumeAll()
        for call in calls { call() }
    }

    /// Takes all alarms out where the loop ends: who sleeps is told `.closed`, and so is who waits
    /// for a socket, by the socket.
    func silenceAlarms(_ shared: inout Shared, waking woken: inout [Wakeable]) {
        while let alarm = shared.timers.popDue(at: .never) {
            if case .wake(let sleeper) = alarm { woken.append(sleeper.with(.closed)) }
        }
        shared.deadlines = [:]
        noteNextTimer(shared)
    }

    /// Sets an alarm, under the lock; nil where the loop has ended. From another thread than the
    /// loop's, `mailArrived` follows without the lock.
    private func set(
        _ alarm: Alarm,
        at moment: MonotonicTime,
        _ shared: inout Shared
    ) -> TimerHeap<Alarm>.Token? {
        if shared.phase == .stopped { return nil }
        defer { noteNextTimer(shared) }
        return shared.timers.insert(alarm, at: moment)
    }

    private func noteNextTimer(_ shared: borrowing Shared) {
        nextTimer.store(shared.timers.nextDeadline.nanoseconds, ordering: .relaxed)
    }
}

// MARK: - Deadlines

extension EventLoop {
    /// Ends a wait for a socket of this loop with `.timedOut`, where it has not ended by then.
    func limitWait(
        _ registration: Registration,
        _ direction: Direction,
        until deadline: Deadline
    ) {
        let wait = LimitedWait(registration: registration.key, direction: direction)
        shared.withLock { shared in
            shared.deadlines[wait] = set(.expire(wait, registration), at: deadline.moment, &shared)
        }
        if !isCurrent { mailArrived() }
    }

    /// Takes back what `limitWait` has said.
    func unlimitWait(_ registration: Registration, _ direction: Direction) {
        let wait = LimitedWait(registration: registration.key, direction: direction)
        // Handed out, so that nothing is freed under the lock.
        _ = shared.withLock { shared in
            shared.deadlines.removeValue(forKey: wait).flatMap { shared.timers.remove($0) }
        }
    }

    /// Runs a body, and calls `expire` if the task's deadline passes meanwhile.
    ///
    /// `expire` may still be called shortly after the body has ended, and is never called once the
    /// loop has ended.
    package func withDeadline<Value>(
        _ deadline: Deadline?,
        expire: @escaping @Sendable () -> Void,
        _ body: () async -> Value
    ) async -> Value {
        guard let deadline else { return await body() }
        let token = shared.withLock { set(.call(expire), at: deadline.moment, &$0) }
        if !isCurrent { mailArrived() }
        defer {
            if let token { _ = takeAlarm(token) }
        }
        return await body()
    }

    private func takeAlarm(_ token: TimerHeap<Alarm>.Token) -> Alarm? {
        let (alarm, mayEnd) = shared.withLock { shared in
            (shared.timers.remove(token), shared.phase != .running)
        }
        // The timer may have been the last thing that kept a retiring loop.
        if mayEnd { mailArrived() }
        return alarm
    }
}

// MARK: - Sleeping

extension EventLoop {
    /// Where a sleeper's timer is.
    private final class SleepToken: Sendable {
        // SAFETY: protected by the loop's lock.
        nonisolated(unsafe) var token: TimerHeap<Alarm>.Token?
    }

    /// Suspends until a moment: `.ready` then, `.closed` if the loop ends before. The task's
    /// deadline does not matter.
    package func sleep(until moment: MonotonicTime) async -> WaitOutcome {
        let sleep = SleepToken()
        return await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                // SAFETY: resumed once: here, or by whoever takes the entry out of the heap.
                let outcome = shared.withLock { shared -> WaitOutcome? in
                    // A handler that ran before this lock finds no token, but has left its mark.
                    if Task.isCancelled { return .cancelled }
                    let sleeper = unsafe Wakeable(continuation, .ready)
                    unsafe sleep.token = set(.wake(sleeper), at: moment, &shared)
                    return unsafe sleep.token == nil ? .closed : nil
                }
                if let outcome { unsafe continuation.resume(returning: outcome) }
                if !isCurrent { mailArrived() }
            }
        } onCancel: {
            // SAFETY: under the lock.
            let token = shared.withLock { _ in unsafe sleep.token }
            guard let token, case .wake(let sleeper) = takeAlarm(token) else { return }
            sleeper.with(.cancelled).resume()
        }
    }

    /// Suspends for a while, as part of an operation: `.timedOut` where the task's deadline passes
    /// before.
    package func pause(for duration: Duration) async -> WaitOutcome {
        let end = MonotonicTime.now.advanced(by: duration)
        guard let deadline = Deadline.current, deadline.moment < end else {
            return await sleep(until: end)
        }
        let outcome = await sleep(until: deadline.moment)
        return outcome == .ready ? .timedOut : outcome
    }
}
