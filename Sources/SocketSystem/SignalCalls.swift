internal import CSocketSystem
internal import Glibc

/// Counts a signal from now on instead of acting on it, sigaction(2) with SA_RESTART.
///
/// Not reentrant: `unwatchSignal` must come before the same signal is watched again.
package func watchSignal(_ signal: SignalNumber) throws(Errno) {
    try check(csock_signal_watch(signal.rawValue))
}

/// Brings back the action that a signal had before it was watched, sigaction(2).
package func unwatchSignal(_ signal: SignalNumber) { csock_signal_unwatch(signal.rawValue) }

/// Whether a signal is ignored, or was so until it was watched, sigaction(2).
package func isIgnored(_ signal: SignalNumber) -> Bool {
    csock_signal_is_ignored(signal.rawValue) != 0
}

/// Unblocks exactly these signals, and faults, on the calling thread, pthread_sigmask(3).
package func unblockOnly(_ signals: some Sequence<SignalNumber>) {
    csock_signal_unblock_only(
        signals.reduce(0) { $0 | 1 << UInt64($1.rawValue - 1) }
    )
}

/// Blocks the thread until a watched signal came, or `wakeSignalWaiter` was called, sem_wait(3).
package func waitForSignals() { csock_signal_wait() }

/// Makes `waitForSignals` return, sem_post(3).
package func wakeSignalWaiter() { csock_signal_wake() }

/// How often a watched signal came since the last call.
package func takeSignalCount(_ signal: SignalNumber) -> Int {
    Int(csock_signal_take(signal.rawValue))
}

/// Sends a signal to a process, kill(2).
package func sendSignal(_ signal: SignalNumber, to process: CInt) throws(Errno) {
    try check(csock_kill(process, signal.rawValue))
}

/// This process, getpid(2).
package var currentProcess: CInt { getpid() }
