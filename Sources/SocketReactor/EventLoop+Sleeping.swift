package import SocketSystem
internal import Synchronization

extension EventLoop {
    /// Where a sleeper's timer is. Protected by the loop's lock.
    private final class SleepToken: Sendable {
        nonisolated(unsafe) var token: TimerHeap<Wakeable>.Token?
    }

    /// Suspends until a moment: `.ready` then, `.closed` if the loop ends before.
    package func sleep(until deadline: MonotonicTime) async -> WaitOutcome {
        let sleep = SleepToken()
        return await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                // SAFETY: resumed once: here, or by whoever takes the entry out of the heap.
                let outcome = shared.withLock { shared -> WaitOutcome? in
                    // A handler that ran before this lock finds no token, but has left its mark.
                    if Task.isCancelled { return .cancelled }
                    if shared.phase == .stopped { return .closed }
                    unsafe sleep.token = shared.timers.insert(
                        Wakeable(continuation, .ready),
                        at: deadline
                    )
                    nextTimer.store(shared.timers.nextDeadline.nanoseconds, ordering: .relaxed)
                    return nil
                }
                if let outcome { unsafe continuation.resume(returning: outcome) }
                if !isCurrent { mailArrived() }
            }
        } onCancel: {
            let (sleeper, mayEnd) = shared.withLock { shared in
                // SAFETY: under the lock.
                (unsafe sleep.token.flatMap { shared.timers.remove($0) }, shared.phase != .running)
            }
            // The timer may have been the last thing that kept a retiring loop.
            if mayEnd { mailArrived() }
            sleeper?.with(.cancelled).resume()
        }
    }
}
