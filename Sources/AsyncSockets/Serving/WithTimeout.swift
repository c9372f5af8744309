internal import SocketReactor
internal import SocketSystem

/// Runs a body whose socket operations must be done within a time.
///
/// ```swift
/// let answer = try await withTimeout(.seconds(5)) {
///     try await connection.write(question)
///     return try await connection.read(exactly: 8)
/// }
/// ```
///
/// When the time has run out, every operation of this library that waits, in the body and in its
/// child tasks, throws `SocketError` with the code `.timedOut`, and so does every later one that
/// would have to wait. The operation that ends so has kept its promises: a read has taken nothing,
/// a write tells how much went out, and the connection can be used on. Of nested scopes the
/// earliest deadline counts. A time of zero or less throws at once; then the body does not run.
///
/// The scope itself is only a deadline that the tasks carry: it starts no task, changes no thread,
/// and the body is free to use what surrounds it. Therefore it interrupts nothing but this
/// library's waiting: not a computation, not `Task.sleep`, not the wait for a child task or a
/// signal, nor a closure of the user's such as a `Resolver` of their own that is asked directly.
/// (`TCPConnection.connect` by name ends all the same.) An operation that need not wait is done
/// even where the time has run out, but a loop of them ends soon. `serve` within a scope stops
/// accepting at its end, and throws; so does `WorkerProcesses.run`, whose workers finish before. A
/// loop over a listener, which cannot throw, ends.
///
/// - Parameters:
///   - duration: How long the body may take, on the monotonic clock.
///   - group: Whose loops keep the time of waits that belong to no loop, such as lookups of names.
///   - body: What runs.
/// - Returns: What the body returns.
/// - Throws: What the body throws, usually `SocketError` with the code `.timedOut` where the time
///   ran out; this, too, where no time was given, or the loops could not be started.
public func withTimeout<Success>(
    _ duration: Duration,
    on group: EventLoopGroup = .shared,
    _ body: () async throws -> Success
) async throws -> Success {
    let own = Deadline(
        MonotonicTime.now.advanced(by: duration),
        keeper: try group.loops(for: .timeout).leastLoadedLoop
    )
    let deadline = Deadline.current.flatMap { $0.moment < own.moment ? $0 : nil } ?? own
    if duration <= .zero || deadline.hasPassed {
        throw SocketError(.timeout, code: .timedOut, reason: SocketError.deadlinePassed)
    }
    return try await Deadline.with(deadline, body)
}
