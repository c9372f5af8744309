internal import SocketSystem
internal import Synchronization

/// One call of `Signal.notifications`: the signals that have come, and its waiters.
final class SignalObserver: Sendable {
    private struct State {
        /// Signals that came and were not taken: each signal once, in the order of their first
        /// arrival.
        var pending: [(signal: Signal, count: Int)] = []
        /// The waiters, in order.
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

    /// The observed signals.
    let signals: Set<Signal>
    private let state = Mutex(State())
    init(of signals: Set<Signal>) { self.signals = signals }

    /// Takes in a signal. The dispatcher calls it.
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

    /// Waits for the next signal; nil if the task is cancelled.
    func next() async -> Signal? {
        let ticket = state.withLock { state in
            defer { state.nextTicket += 1 }
            return state.nextTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome = state.withLock { state -> Signal?? in
                    // A cancellation handler that ran before we took this lock found no waiter; the
                    // task's cancelled state is its mark.
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

/// Keeps an observer registered with the dispatcher as long as this object is referred to.
final class SignalSubscription: Sendable {
    let observer: SignalObserver

    init(of signals: Set<Signal>) {
        observer = SignalObserver(of: signals)
        SignalDispatcher.shared.add(observer)
    }

    deinit { SignalDispatcher.shared.remove(observer) }
}
