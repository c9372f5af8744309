internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// Which sockets of a sharded listener have connections, for tasks that accept from all of them.
///
/// A socket is *ready*, or somebody *watches* it: a short task that waits until it is readable. The
/// one who waits for any connection is resumed by the loop of the socket that has one, so the
/// accepting task moves to that loop, and the tasks that it starts begin there.
final class ReadyShards: Sendable {
    private struct State {
        /// The sockets that may have connections; the first is the next to be asked.
        var ready: [Int] = []
        /// How many connections the first has given in a row.
        var streak = 0
        var isStarted = false
        var isClosed = false
        /// Who waits for any connection.
        var waiters: [(ticket: UInt64, continuation: Waiter)] = []
        var nextTicket: UInt64 = 0
    }

    private typealias Waiter = CheckedContinuation<Result<Int, OperationFailure>, Never>

    private let shards: [Registration]
    private let group: EventLoopGroup
    private let state = Mutex(State())

    /// How many connections one socket may give before another one that is ready has its turn.
    private static let longestStreak = 16

    init(_ shards: [Registration], on group: EventLoopGroup) {
        self.shards = shards
        self.group = group
    }

    /// Waits for a socket that may have a connection.
    func next() async throws(OperationFailure) -> Int {
        let (ticket, starts) = state.withLock { state in
            defer {
                state.nextTicket += 1
                state.isStarted = true
            }
            return (state.nextTicket, !state.isStarted)
        }
        if starts { for index in shards.indices { watch(index) } }
        let result = await shards[0].loop.withDeadline(.current) { [self] in
            leave(ticket, .timedOut)
        } _: {
            await wait(ticket)
        }
        return try result.get()
    }

    private func wait(_ ticket: UInt64) async -> Result<Int, OperationFailure> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: Waiter) in
                let result = state.withLock { state -> Result<Int, OperationFailure>? in
                    // Who came to let it go before this lock found no waiter, but it is known why.
                    if Task.isCancelled { return .failure(.cancelled) }
                    if Deadline.hasPassed { return .failure(.timedOut) }
                    if state.isClosed { return .failure(.closed) }
                    if let index = state.ready.first { return .success(index) }
                    state.waiters.append((ticket, continuation))
                    return nil
                }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            leave(ticket, .cancelled)
        }
    }

    private func leave(_ ticket: UInt64, _ failure: OperationFailure) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.ticket == ticket }.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(returning: .failure(failure))
    }

    /// A connection was taken; there may be more, for the next who waits.
    func taken(from index: Int) {
        wakeOne { state in
            guard state.ready.first == index else { return }
            state.streak += 1
            if state.streak >= Self.longestStreak {
                state.ready.append(state.ready.removeFirst())
                state.streak = 0
            }
        }
    }

    /// A socket had no connection.
    func drained(_ index: Int) {
        let watches = state.withLock { state in
            guard let position = state.ready.firstIndex(of: index) else { return false }
            state.ready.remove(at: position)
            state.streak = 0
            return true
        }
        if watches { watch(index) }
    }

    private func watch(_ index: Int) {
        let shard = shards[index]
        // Detached: it outlives the deadline of who asks first.
        Task.detached(executorPreference: group.taskExecutor) { [self] in
            do throws(OperationFailure) {
                try await untilReadable(shard)
                wakeOne { $0.ready.append(index) }
            } catch {
                close()
            }
        }
    }

    private func wakeOne(after change: (inout State) -> Void) {
        let woken = state.withLock { state -> (Waiter, Int)? in
            change(&state)
            guard let index = state.ready.first, !state.waiters.isEmpty else { return nil }
            return (state.waiters.removeFirst().continuation, index)
        }
        if let (waiter, index) = woken { waiter.resume(returning: .success(index)) }
    }

    private func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failure(.closed)) }
    }
}
