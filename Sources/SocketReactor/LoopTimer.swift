package import SocketSystem

/// A timer that was set on a loop.
package struct LoopTimer: Sendable {
    let loop: EventLoop
    let token: EventLoop.Timers.Token

    /// Takes the timer back; its body may be about to be called.
    package func cancel() { loop.cancelTimer(token) }
}

extension EventLoop {
    typealias Timers = TimerHeap<@Sendable () -> Void>

    /// Suspends until a moment: true then, false if the loop ends before. The task's deadline does
    /// not matter.
    ///
    /// - Throws: `cancelled`.
    package func sleep(until moment: MonotonicTime) async throws(OperationFailure) -> Bool {
        do throws(OperationFailure) {
            try await sleepers.park(deadline: Deadline(moment, keeper: self)) { $0 ? () : nil }
            return false
        } catch {
            switch error {
            case .timedOut: return true
            case .closed: return false
            default: throw error
            }
        }
    }

    /// Suspends for a while, as part of an operation.
    ///
    /// - Throws: `cancelled`, `closed` if the loop ends, `timedOut` if the task's deadline passes.
    package func pause(for duration: Duration) async throws(OperationFailure) {
        let end = MonotonicTime.now.advanced(by: duration)
        let deadline = Deadline.current.flatMap { $0.moment < end ? $0.moment : nil }
        guard try await sleep(until: deadline ?? end) else { throw .closed }
        if deadline != nil { throw .timedOut }
    }
}
