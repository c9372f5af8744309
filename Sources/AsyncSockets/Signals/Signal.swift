internal import SocketSystem

/// A signal that a program can be told of, `signal(7)`.
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

    /// The signal with a number, which may be a real-time signal's.
    ///
    /// Nil for a number that is no signal's, and for those that no program is told of: SIGKILL and
    /// SIGSTOP, and faults such as SIGSEGV, which are answered where they happen.
    ///
    /// - Parameter number: The number, as in `<signal.h>`.
    public init?(number: CInt) {
        let value = SignalNumber(rawValue: number)
        guard value.canBeObserved else { return nil }
        self.init(value)
    }

    /// The number, as in `<signal.h>`.
    public var number: CInt { value.rawValue }

    /// SIGHUP: the terminal has gone; to services it says: read your configuration again.
    public static let hangup = Signal(.hangup)
    /// SIGINT: Control-C.
    public static let interrupt = Signal(.interrupt)
    /// SIGQUIT: Control-backslash.
    public static let quit = Signal(.quit)
    /// SIGUSR1: whatever the program says.
    public static let user1 = Signal(.user1)
    /// SIGUSR2: whatever the program says.
    public static let user2 = Signal(.user2)
    /// SIGPIPE: something was written to a pipe that nobody reads. Sockets of this library never
    /// cause it.
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
