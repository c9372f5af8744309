internal import SocketSystem
internal import Synchronization

/// Tells every observer of a signal about it. There is one dispatcher for the process, with one
/// thread.
///
/// A signal's disposition belongs to the whole process, so only this type changes it: when the
/// first observer of a signal comes and when the last one goes. The thread only waits. It is
/// started for the first observer and stays.
final class SignalDispatcher: Sendable {
    static let shared = SignalDispatcher()

    private struct State {
        var observers: [ObjectIdentifier: SignalObserver] = [:]
        /// The number of observers of each watched signal.
        var observerCounts: [Signal: Int] = [:]
        var isRunning = false
    }

    private let state = Mutex(State())

    /// Adds an observer: it is told of its signals from now on.
    func add(_ observer: SignalObserver) {
        state.withLock { state in
            guard startIfNeeded(&state) else { return }
            state.observers[ObjectIdentifier(observer)] = observer
            for signal in observer.signals {
                state.observerCounts[signal, default: 0] += 1
                // The number is that of a signal that can be observed, so this cannot fail.
                if state.observerCounts[signal] == 1 { try? watchSignal(signal.value) }
            }
        }
        wakeSignalWaiter()
    }

    /// Removes an observer. A signal without observers gets its earlier disposition back.
    func remove(_ observer: SignalObserver) {
        state.withLock { state in
            guard state.observers.removeValue(forKey: ObjectIdentifier(observer)) != nil else {
                return
            }
            for signal in observer.signals {
                let count = (state.observerCounts[signal] ?? 1) - 1
                state.observerCounts[signal] = count == 0 ? nil : count
                if count == 0 { unwatchSignal(signal.value) }
            }
        }
        wakeSignalWaiter()
    }

    private func startIfNeeded(_ state: inout State) -> Bool {
        if state.isRunning { return true }
        state.isRunning = (try? startThread(name: "signals") { [self] in run() }) != nil
        return state.isRunning
    }

    private func run() {
        while true {
            waitForSignals()
            let (counts, observers) = takeArrived()
            for (signal, count) in counts {
                for observer in observers where observer.signals.contains(signal) {
                    observer.deliver(signal, count: count)
                }
            }
        }
    }

    /// The signals that have come, and the present observers.
    private func takeArrived() -> (counts: [(Signal, Int)], observers: [SignalObserver]) {
        state.withLock { state in
            unblockOnly(state.observerCounts.keys.map(\.value))
            let counts = state.observerCounts.keys.map { ($0, takeSignalCount($0.value)) }
            return (counts.filter { $0.1 > 0 }, Array(state.observers.values))
        }
    }
}
