internal import SocketReactor
internal import SocketSystem

/// One call of `Signal.notifications`: the signals that have come, and its waiters.
final class SignalObserver: Sendable {
    /// Signals that came and were not taken: each once, in the order of their first arrival.
    private let pending = WaitList<[Pending]>([])

    private struct Pending: Sendable {
        let signal: Signal
        var count: Int
    }

    /// The observed signals.
    let signals: Set<Signal>

    init(of signals: Set<Signal>) { self.signals = signals }

    /// Takes in a signal. The dispatcher calls it.
    func deliver(_ signal: Signal, count: Int) {
        pending.unpark { pending in
            if let index = pending.firstIndex(where: { $0.signal == signal }) {
                pending[index].count += count
            } else {
                pending.append(Pending(signal: signal, count: count))
            }
        }
    }

    /// Waits for the next signal; nil if the task is cancelled. Deadlines do not end it.
    func next() async -> Signal? {
        try? await pending.park(deadline: nil) { pending in
            guard let first = pending.first else { return nil }
            pending[0].count -= 1
            if first.count == 1 { pending.removeFirst() }
            return first.signal
        }
    }
}

/// Keeps an observer registered with the dispatcher as long as this object is referred to.
final class SignalSubscription: Sendable {
    let observer: SignalObserver
    /// The reason why the dispatcher did not take the observer.
    let failure: SocketError?

    init(of signals: Set<Signal>) {
        let observer = SignalObserver(of: signals)
        self.observer = observer
        let result = Result { () throws(Errno) in try SignalDispatcher.shared.add(observer) }
        failure =
            switch result {
            case .success: nil
            case .failure(let errno): SocketError(noThreadFor: .observeSignals, errno)
            }
    }

    deinit { SignalDispatcher.shared.remove(observer) }
}
