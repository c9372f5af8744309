internal import SocketReactor
internal import SocketSystem

/// Runs a body that must end within a time, whatever it waits for.
///
/// ```swift
/// let answer = try await withTimeout(.seconds(5)) {
///     try await connection.write(question)
///     return try await connection.read(exactly: 8)
/// }
/// ```
///
/// When the time has run out the body is cancelled; what it then throws becomes `SocketError` with
/// the code `.timedOut`. A body that ends with a value in spite of it has its value returned. With
/// a time of zero or less the body begins cancelled, so even an operation that could go on fails.
///
/// - Parameters:
///   - duration: How long the body may take, on the monotonic clock.
///   - group: Whose loops keep the time.
///   - isolation: The actor that the body runs on.
///   - body: What runs, as a child task.
/// - Returns: What the body returns.
/// - Throws: `SocketError` with the code `.timedOut`, or what the body throws in time;
///   `CancellationError` where the surrounding task was cancelled.
public func withTimeout<Success: Sendable>(
    _ duration: Duration,
    on group: EventLoopGroup = .shared,
    isolation: isolated (any Actor)? = #isolation,
    _ body: @escaping @isolated(any) @Sendable () async throws -> Success
) async throws -> Success {
    let deadline = MonotonicTime.now.advanced(by: duration)
    let loop = try group.loops(for: .timeout).leastLoadedLoop
    return try await withThrowingTaskGroup(of: TimeoutEvent<Success>.self) { tasks in
        var expired = duration <= .zero
        // Before the body is added: it must not begin as if there were time.
        if expired { tasks.cancelAll() }
        tasks.addTask {
            do {
                return .ended(.success(try await body()))
            } catch {
                return .ended(.failure(error))
            }
        }
        tasks.addTask { await loop.sleep(until: deadline) == .ready ? .expired : .stopped }

        while let event = try await tasks.next() {
            switch event {
            case .ended(let result):
                tasks.cancelAll()
                if case .failure = result, expired {
                    throw SocketError(.timeout, code: .timedOut, reason: "not done in \(duration)")
                }
                return try result.get()
            case .expired:
                expired = true
                tasks.cancelAll()
            case .stopped: break
            }
        }
        throw CancellationError()
    }
}

private enum TimeoutEvent<Success: Sendable>: Sendable {
    case ended(Result<Success, any Error>)
    case expired
    /// The timer was cancelled.
    case stopped
}
