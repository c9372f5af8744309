/// How a process ended.
package enum ProcessEnd: Hashable, Sendable {
    case exited(CInt)
    case killed(SignalNumber)
    /// Other code of this process has asked first, or SIGCHLD is ignored.
    case unknown
}
