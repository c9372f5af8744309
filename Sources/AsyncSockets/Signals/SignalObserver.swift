internal import SocketSystem
internal import Synchronization

/// One call of `Signal.notifications`: what has come and who waits for it.
final class SignalObserver: Sendable {
    private struct State {
        /// What came and was not taken: each signal once, in the order of their first arrival.
        var pending: [(signal: Signal, count: Int)] = []
        /// Who waits, in order.
        var waiters: [(ticket: UInt64, continuation: CheckedContinuation<Signal?, Never>)] = []
        var nextTicket: UInt64 = 0

        mutating func takePending() -> Signal? {
            guard let first = pending.first else { return nil }
            if first.count == 1 {
                pending.removeFirst()
            } else {
                pending[0].count -= 1
            }
            return first.signal
        }
    }

    /// What is observed.
    let signals: Set<Signal>
    private let state = Mutex(State())
    init(of signals: Set<Signal>) { self.signals = signals }

    /// A signal came. The dispatcher calls it.
    func deliver(_ signal: Signal, count: Int) {
        let woken = state.withLock { state in
            let woken = state.waiters.prefix(count).map(\.continuation)
            state.waiters.removeFirst(woken.count)
            let left = count - woken.count
            if left > 0 {
                if let index = state.pending.firstIndex(where: { $0.signal == signal }) {
                    state.pending[index].count += left
                } else {
                    state.pending.append((signal, left))
                }
            }
            return woken
        }
        for continuation in woken { continuation.resume(returning: signal) }
    }

    /// Waits for the next signal; nil when the task is cancelled.
    func next() async -> Signal? {
        let ticket = state.withLock { state in
            defer { state.nextTicket += 1 }
            return state.nextTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome = state.withLock { state -> Signal?? in
                    // A handler that ran before this lock found no waiter, but has left its mark.
                    if Task.isCancelled { return .some(nil) }
                    if let signal = state.takePending() { return signal }
                    state.waiters.append((ticket, continuation))
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.ticket == ticket }.map {
                    state.waiters.remove(at: $0)
                }
            }
            waiter?.continuation.resume(returning: nil)
        }
    }
}

/// Keeps an observer known to the dispatcher as long as somebody refers to this.
final class SignalSubscription: Sendable {
    let observer: SignalObserver

    init(of signals: Set<Signal>) {
        observer = SignalObserver(of: signals)
        SignalDispatcher.shared.add(observer)
    }

    deinit { SignalDispatcher.shared.remove(observer) }
}
