internal import CSocketSystem
internal import Glibc

/// A signal's number, signal(7).
package struct SignalNumber: Hashable, Sendable {
    package let rawValue: CInt

    package init(rawValue: CInt) { self.rawValue = rawValue }

    /// Whether a program can be told of it: faults are answered where they happen, and nobody is
    /// asked about SIGKILL and SIGSTOP.
    package var canBeObserved: Bool {
        switch rawValue {
        case SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS: false
        case 1...31: true
        default: csock_signal_is_realtime(rawValue) != 0
        }
    }

    /// The name that manual pages use, `SIGTERM`; `signal 34` for a signal without one.
    package var name: String {
        switch rawValue {
        case SIGHUP: "SIGHUP"
        case SIGINT: "SIGINT"
        case SIGQUIT: "SIGQUIT"
        case SIGILL: "SIGILL"
        case SIGTRAP: "SIGTRAP"
        case SIGABRT: "SIGABRT"
        case SIGBUS: "SIGBUS"
        case SIGFPE: "SIGFPE"
        case SIGKILL: "SIGKILL"
        case SIGUSR1: "SIGUSR1"
        case SIGSEGV: "SIGSEGV"
        case SIGUSR2: "SIGUSR2"
        case SIGPIPE: "SIGPIPE"
        case SIGALRM: "SIGALRM"
        case SIGTERM: "SIGTERM"
        case SIGCHLD: "SIGCHLD"
        case SIGCONT: "SIGCONT"
        case SIGSTOP: "SIGSTOP"
        case SIGTSTP: "SIGTSTP"
        case SIGXCPU: "SIGXCPU"
        case SIGWINCH: "SIGWINCH"
        case SIGSYS: "SIGSYS"
        default: "signal \(rawValue)"
        }
    }

    package static var hangup: SignalNumber { .init(rawValue: SIGHUP) }
    package static var interrupt: SignalNumber { .init(rawValue: SIGINT) }
    package static var quit: SignalNumber { .init(rawValue: SIGQUIT) }
    package static var user1: SignalNumber { .init(rawValue: SIGUSR1) }
    package static var kill: SignalNumber { .init(rawValue: SIGKILL) }
    package static var user2: SignalNumber { .init(rawValue: SIGUSR2) }
    package static var brokenPipe: SignalNumber { .init(rawValue: SIGPIPE) }
    package static var alarm: SignalNumber { .init(rawValue: SIGALRM) }
    package static var terminate: SignalNumber { .init(rawValue: SIGTERM) }
    package static var childEnded: SignalNumber { .init(rawValue: SIGCHLD) }
    package static var `continue`: SignalNumber { .init(rawValue: SIGCONT) }
    package static var terminalStop: SignalNumber { .init(rawValue: SIGTSTP) }
    package static var windowChanged: SignalNumber { .init(rawValue: SIGWINCH) }
}

/// Counts a signal from now on instead of acting on it, sigaction(2) with SA_RESTART.
///
/// Not reentrant: `unwatchSignal` must come before the same signal is watched again.
package func watchSignal(_ signal: SignalNumber) throws(Errno) {
    try check(csock_signal_watch(signal.rawValue))
}

/// Brings back what was to be done on a signal before it was watched.
package func unwatchSignal(_ signal: SignalNumber) { csock_signal_unwatch(signal.rawValue) }

/// Unblocks exactly these signals, and faults, on the calling thread, pthread_sigmask(3).
package func unblockOnly(_ signals: some Sequence<SignalNumber>) {
    csock_signal_unblock_only(
        signals.reduce(0) { $0 | 1 << UInt64($1.rawValue - 1) }
    )
}

/// Blocks the thread until a watched signal came, or `wakeSignalWaiter` was called.
package func waitForSignals() { csock_signal_wait() }

/// Makes `waitForSignals` return.
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
