internal import SocketReactor
internal import SocketSystem

/// Hands the connections of several listening sockets to tasks that accept from all of them.
///
/// A task for each socket accepts from it like everybody else, but only while an acceptor waits for
/// the connection: it *claims* an acceptor for its call. So nothing is accepted that nobody wants,
/// and a connection whose acceptor was cancelled goes to the next one.
final class AcceptQueue: Sendable {
    /// A connection that nobody owns yet, and the loop that it came by.
    struct Accepted: Sendable {
        /// Whoever takes it closes it.
        let descriptor: CInt
        let peer: SocketAddress?
        let loop: EventLoop
    }

    private struct State: Sendable {
        var isStarted = false
        var isClosed = false
        /// Nothing more is accepted, but what has been accepted is handed out.
        var isFinished = false
        /// How many acceptors wait, and have been given nothing.
        var waiting = 0
        /// How many of them are claimed.
        var claimed = 0
        /// What nobody has taken yet.
        var results: [Result<Accepted, OperationFailure>] = []

        mutating func claim() -> Bool {
            guard !isClosed, !isFinished, waiting > claimed + results.count else { return false }
            claimed += 1
            return true
        }

        /// What the acceptor that has waited longest gets. From then on it waits no more, however
        /// late its task runs.
        mutating func give() -> Result<Accepted, OperationFailure>? {
            if results.isEmpty {
                // What is being accepted is not lost, whoever closes the listener meanwhile.
                guard isClosed || isFinished, claimed == 0 else { return nil }
                waiting -= 1
                return .failure(isClosed ? .closed : .cancelled)
            }
            waiting -= 1
            return results.removeFirst()
        }
    }

    private let state = WaitList(State())

    /// Waits for a connection of one of the sockets.
    func next(
        of shards: [Registration],
        on group: EventLoopGroup
    ) async throws(OperationFailure) -> Accepted {
        let starts = state.unpark { state in
            state.waiting += 1
            defer { state.isStarted = true }
            return !state.isStarted
        }
        if starts {
            for shard in shards {
                // Detached: it outlives the deadline of the first acceptor.
                Task.detached(executorPreference: group.taskExecutor) { [self] in
                    await serve(shard, of: shards)
                }
            }
        }
        let deadline = Deadline.current?.kept(by: shards[0].loop)
        let result: Result<Accepted, OperationFailure>
        do throws(OperationFailure) {
            result = try await state.park(deadline: deadline) { $0.give() }
        } catch {
            state.unpark { $0.waiting -= 1 }
            throw error
        }
        return try result.get()
    }

    deinit { close() }

    /// Accepts nothing more. Acceptors get what has been accepted, and then `cancelled`.
    func finish() { state.unpark { $0.isFinished = true } }

    func close() {
        let left = state.unpark { state in
            state.isClosed = true
            defer { state.results = [] }
            return state.results
        }
        for case .success(let accepted) in left { closeDescriptor(accepted.descriptor) }
    }

    /// Accepts from a socket, whenever an acceptor waits, until it is closed.
    private func serve(_ shard: Registration, of shards: [Registration]) async {
        while await claim() {
            var isClaimed = true
            do throws(OperationFailure) {
                var operation = Operation(.read, .standsInLine)
                while isClaimed {
                    if let accepted = try tryAccept(shard, &operation) {
                        deliver(.success(accepted), isClaimed)
                        break
                    }
                    if shard.isDraining(.read) {
                        shard.end(.read, leaving: .unknown)
                        let last = lookOnce(at: shards)
                        deliver(last.map { .success($0) } ?? .failure(.cancelled), isClaimed)
                        break
                    }
                    release()
                    isClaimed = false
                    try await operation.wait(for: shard)
                    isClaimed = state.unpark { $0.claim() }
                    if !isClaimed { shard.end(.read, leaving: .unknown) }
                }
            } catch {
                if error == .closed {
                    if isClaimed { release() }
                    return close()
                }
                deliver(.failure(error), isClaimed)
            }
        }
    }

    /// Waits until an acceptor waits; false if the queue is closed.
    private func claim() async -> Bool {
        let claimed = try? await state.park { state in
            state.isClosed ? false : state.claim() ? true : nil
        }
        return claimed == true
    }

    private func release() { state.unpark { $0.claimed -= 1 } }

    private func deliver(_ result: Result<Accepted, OperationFailure>, _ isClaimed: Bool) {
        let isLate = state.unpark { state in
            if isClaimed { state.claimed -= 1 }
            let isLate = state.isClosed && state.waiting == 0
            if !isLate { state.results.append(result) }
            return isLate
        }
        if isLate, case .success(let accepted) = result { closeDescriptor(accepted.descriptor) }
    }
}

/// The next connection of any socket, whether or not the kernel has told of it, and whoever waits
/// for it.
private func lookOnce(at shards: [Registration]) -> AcceptQueue.Accepted? {
    for shard in shards {
        if let accepted = shard.use({ _ in accept(from: shard).0 }) ?? nil { return accepted }
    }
    return nil
}

/// The next connection of a listening socket if there is one already.
func tryAccept(
    _ shard: Registration,
    _ operation: inout Operation
) throws(OperationFailure) -> AcceptQueue.Accepted? {
    guard try operation.begins(on: shard) else { return nil }
    let (accepted, attempt) = accept(from: shard)
    return try operation.ends(attempt, on: shard) ? accepted : nil
}

private func accept(from shard: Registration) -> (AcceptQueue.Accepted?, Attempt) {
    var peer = AddressStorage()
    do throws(Errno) {
        // Whoever shares the open file can make it blocking, and accept4(2) has no MSG_DONTWAIT.
        if shard.isShared, try !isReadable(shard.descriptor) { return (nil, .mustWait) }
        let socket = try acceptSocket(shard.descriptor, peer: &peer)
        let accepted = AcceptQueue.Accepted(
            descriptor: socket.release(),
            peer: SocketAddress(peer),
            loop: shard.loop
        )
        // One edge may stand for many connections.
        return (accepted, .done(leaving: .unknown))
    } catch {
        return (nil, error == .again ? .mustWait : .failed(error))
    }
}
