internal import SocketSystem

/// A signal that a program can observe, `signal(7)`.
///
/// ```swift
/// for await signal in Signal.notifications(of: .interrupt, .terminate) {
///     print("leaving on \(signal)")
///     break
/// }
/// ```
public struct Signal: Hashable, Sendable {
    let value: SignalNumber

    init(_ value: SignalNumber) { self.value = value }

    /// Makes the signal with this number, which may be a real-time signal's.
    ///
    /// Nil for a number that is not a signal's, and for signals that a program cannot observe:
    /// SIGKILL and SIGSTOP, and faults such as SIGSEGV, which are handled where they happen.
    ///
    /// - Parameter number: The number, as in `<signal.h>`.
    public init?(number: CInt) {
        let value = SignalNumber(rawValue: number)
        guard value.canBeObserved else { return nil }
        self.init(value)
    }

    /// The number, as in `<signal.h>`.
    public var number: CInt { value.rawValue }

    /// SIGHUP: the terminal has gone; for services, the request to read their configuration again.
    public static let hangup = Signal(.hangup)
    /// SIGINT: Control-C.
    public static let interrupt = Signal(.interrupt)
    /// SIGQUIT: Control-backslash.
    public static let quit = Signal(.quit)
    /// SIGUSR1: its meaning is the program's choice.
    public static let user1 = Signal(.user1)
    /// SIGUSR2: its meaning is the program's choice.
    public static let user2 = Signal(.user2)
    /// SIGPIPE: a write to a pipe without a reader. Sockets of this library never cause it.
    public static let brokenPipe = Signal(.brokenPipe)
    /// SIGALRM: a timer of `alarm(2)` has run out.
    public static let alarm = Signal(.alarm)
    /// SIGTERM: the polite request to end.
    public static let terminate = Signal(.terminate)
    /// SIGCHLD: a child process has ended or stopped.
    public static let childEnded = Signal(.childEnded)
    /// SIGCONT: the process goes on after it was stopped.
    public static let `continue` = Signal(.continue)
    /// SIGTSTP: Control-Z.
    public static let terminalStop = Signal(.terminalStop)
    /// SIGWINCH: the terminal's window has another size.
    public static let windowChanged = Signal(.windowChanged)
}

extension Signal: CustomStringConvertible {
    /// The name that manual pages use, `SIGTERM`; `signal 34` for a signal without one.
    public var description: String {
        value.name
    }
}
