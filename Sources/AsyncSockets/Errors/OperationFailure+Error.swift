internal import SocketReactor
internal import SocketSystem

extension OperationFailure {
    /// What users catch where an operation ended so.
    ///
    /// - Parameters:
    ///   - operation: What was being done.
    ///   - local: The socket's own address, asked for where the error shows it.
    ///   - remote: The peer's.
    ///   - bytesWritten: How many bytes had gone out.
    ///   - busy: What it means that another task is in the way.
    ///   - reason: What an error number means here, where it does not say it itself.
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
    /// Why an operation in `withTimeout` ended: not the network's timeout, which is ETIMEDOUT.
    package static let deadlinePassed = "timed out: the deadline of withTimeout has passed"
}
