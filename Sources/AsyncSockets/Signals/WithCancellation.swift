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
/// So Control-C and `kill` let a server finish with its clients. A second signal ends that: `serve`
/// cancels the clients that have not finished, as at the end of its `drain`. One that comes within
/// a tenth of a second of another counts as the same, because whoever signals a process and its
/// whole group or unit signals it twice. For an operation that has nothing to finish, further
/// signals do nothing. Cancelling the calling task cancels the operation as usual.
///
/// A signal that is ignored when the program begins may stay so; see `Signal.notifications(of:)`.
/// The corresponding system call is `sigaction(2)`.
///
/// - Parameters:
///   - signals: The signals that cancel the operation.
///   - operation: The operation.
/// - Returns: The first signal that came; nil if the operation ended by itself.
/// - Throws: The operation's error, but not a `CancellationError` that a signal caused.
///   `SocketError` with the operation `.observeSignals` if the system refuses the thread that waits
///   for signals; then the operation does not run.
@discardableResult
public func withCancellation(
    on signals: Signal...,
    operation: @escaping @Sendable () async throws -> Void
) async throws -> Signal? {
    let notifications = Signal.notifications(of: signals)
    if let failure = notifications.failure { throw failure }
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
        let impatience = Impatience()
        Impatience.whileCancelling(impatience) { tasks.cancelAll() }
        // Not a child task: the group's are all cancelled.
        let insisting = Task {
            var requests = RepeatedRequest(after: signal != nil)
            for await _ in notifications where requests.isAnother() { impatience.show() }
        }
        defer { insisting.cancel() }
        do {
            try await tasks.waitForAll()
        } catch is CancellationError where signal != nil {}
        return signal
    }
}
