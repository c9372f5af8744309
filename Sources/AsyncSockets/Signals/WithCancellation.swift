/// Runs an operation until it ends or the process gets a signal: then it is cancelled, and waited
/// for.
///
/// ```swift
/// try await withCancellation(on: .interrupt, .terminate) {
///     try await serve(at: "127.0.0.1:9999") { connection in
///         for try await chunk in connection { try await connection.write(chunk) }
///     }
/// }
/// ```
///
/// So Control-C and `kill` let a server finish with its clients. While the operation runs the
/// signals do nothing else; further ones are ignored. Cancelling the task cancels it as always.
///
/// The corresponding system call is `sigaction(2)`; see `Signal.notifications(of:)`.
///
/// - Parameters:
///   - signals: Which signals cancel it.
///   - operation: What runs.
/// - Returns: The signal that came; nil where the operation ended by itself.
/// - Throws: What the operation throws, but no `CancellationError` where a signal is its reason.
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
