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
        /// The observed signals that were not ignored before: only these are watched.
        var watched: Set<Signal> = []
        var isRunning = false
        /// Whether the system had room for the threads of the runtime, too.
        var hasRoom = false
    }

    private let state = Mutex(State())

    /// Adds an observer: it is told of its signals from now on.
    ///
    /// - Throws: EAGAIN if the system has no thread for it, or what sigaction(2) says; then nothing
    ///   has changed.
    func add(_ observer: SignalObserver) throws(Errno) {
        let result = state.withLock { state -> Result<Void, Errno> in
            do throws(Errno) {
                try startIfNeeded(&state)
                let new = observer.signals.filter { state.observerCounts[$0] == nil }
                for signal in new where !staysIgnored(signal) {
                    try watchSignal(signal.value)
                    state.watched.insert(signal)
                }
            } catch {
                for signal in state.watched where state.observerCounts[signal] == nil {
                    unwatchSignal(signal.value)
                    state.watched.remove(signal)
                }
                return .failure(error)
            }
            state.observers[ObjectIdentifier(observer)] = observer
            for signal in observer.signals { state.observerCounts[signal, default: 0] += 1 }
            return .success(())
        }
        wakeSignalWaiter()
        try result.get()
    }

    /// Whether a signal is one that nohup(1) or a shell's `&` had ignored when the program began.
    private func staysIgnored(_ signal: Signal) -> Bool {
        [.hangup, .interrupt, .quit].contains(signal) && isIgnored(signal.value)
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
                if count == 0, state.watched.remove(signal) != nil { unwatchSignal(signal.value) }
            }
        }
        wakeSignalWaiter()
    }

    private func startIfNeeded(_ state: inout State) throws(Errno) {
        if !state.isRunning {
            try startThread(name: "signals") { [self] in run() }
            state.isRunning = true
        }
        if !state.hasRoom {
            try RuntimeThreads.check()
            state.hasRoom = true
        }
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
