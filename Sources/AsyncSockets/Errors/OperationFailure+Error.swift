internal import SocketReactor
internal import SocketSystem

extension OperationFailure {
    /// The error that a program catches if an operation ended like this.
    ///
    /// - Parameters:
    ///   - operation: The operation that failed.
    ///   - local: The socket's own address, computed only if the error shows it.
    ///   - remote: The peer's address.
    ///   - bytesWritten: The number of bytes that had gone out.
    ///   - busy: The reason to print if another task is in the way.
    ///   - reason: An explanation of the error number, if the number does not explain itself.
    /// - Returns: `CancellationError` for cancellation, else `SocketError`.
    func error(
        _ operation: SocketError.Operation,
        local: @autoclosure () -> SocketAddress? = nil,
        remote: SocketAddress? = nil,
        bytesWritten: Int = 0,
        busy: String? = nil,
        reason: (Errno) -> String? = { _ in nil }
    ) -> any Error {
        switch self {
        case .cancelled:
            CancellationError()
        case .closed:
            SocketError(operation, code: .closed, remote: remote, bytesWritten: bytesWritten)
        case .busy:
            SocketError(operation, code: .busy, local: local(), remote: remote, reason: busy)
        case .timedOut:
            SocketError(
                operation,
                code: .timedOut,
                local: local(),
                remote: remote,
                bytesWritten: bytesWritten,
                reason: SocketError.deadlinePassed
            )
        case .forked:
            SocketError(
                operation,
                code: .notSupported,
                local: local(),
                remote: remote,
                bytesWritten: bytesWritten,
                reason: SocketError.forked
            )
        case .system(let errno):
            SocketError(
                operation,
                errno,
                local: local(),
                remote: remote,
                bytesWritten: bytesWritten,
                reason: reason(errno)
            )
        }
    }
}

extension SocketError {
    /// The reason if the loops of a group cannot be had in this process.
    static let forked =
        "this process was made by fork(2) without execve(2), and the threads of the event loops have "
        + "stayed in its parent; fork before the first socket is made"

    /// The reason for an operation that ended in `withTimeout`. The network's own timeout is
    /// ETIMEDOUT.
    package static let deadlinePassed = "timed out: the deadline of withTimeout has passed"
}
