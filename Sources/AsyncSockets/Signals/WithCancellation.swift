/// Runs an operation until it ends or the process gets a signal. A signal cancels the operation,
/// and the call waits until it has ended.
///
/// ```swift
/// try await withCancellation(on: .interrupt, .terminate) {
///     try await serve(at: "127.0.0.1:9999") { connection in
///         for try await chunk in connection { try await connection.write(chunk) }
///     }
/// }
/// ```
///
/// So Control-C and `kill` let a server finish with its clients. While the operation runs, the
/// signals do nothing else; further ones are ignored. Cancelling the calling task cancels the
/// operation as usual.
///
/// The corresponding system call is `sigaction(2)`; see `Signal.notifications(of:)`.
///
/// - Parameters:
///   - signals: The signals that cancel the operation.
///   - operation: The operation.
/// - Returns: The signal that came; nil if the operation ended by itself.
/// - Throws: The operation's error, but not a `CancellationError` that a signal caused.
@discardableResult
public func withCancellation(
    on signals: Signal...,
    operation: @escaping @Sendable () async throws -> Void
) async throws -> Signal? {
    let notifications = Signal.notifications(of: signals)
    return try await withThrowingTaskGroup(of: Signal?.self) { tasks in
        tasks.addTask {
            try await operation()
            return nil
        }
        tasks.addTask {
            for await signal in notifications { return signal }
            return nil
        }
        let signal = try await tasks.next() ?? nil
        tasks.cancelAll()
        do {
            try await tasks.waitForAll()
        } catch is CancellationError where signal != nil {}
        return signal
    }
}
