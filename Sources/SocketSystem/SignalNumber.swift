internal import CSocketSystem
internal import Glibc

/// A signal's number, signal(7).
package struct SignalNumber: Hashable, Sendable {
    package let rawValue: CInt

    package init(rawValue: CInt) { self.rawValue = rawValue }

    /// Whether a program can be told of it: a fault is answered in the thread that it happens in,
    /// and the kernel asks nobody about SIGKILL and SIGSTOP.
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
