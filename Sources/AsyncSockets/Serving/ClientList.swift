internal import SocketReactor
internal import Synchronization

/// The connections that a server is serving: how many, and how to tell them all to finish.
final class ClientList: Sendable {
    private struct State {
        /// The live connections by ticket.
        var connections: [UInt64: StreamConnection] = [:]
        var nextTicket: UInt64 = 0
        var isDraining = false
        /// The accepting task, while it waits for a client to leave.
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let limit: Int?
    private let state = Mutex(State())

    init(limit: Int?) { self.limit = limit }

    /// Waits until another client may be accepted; false when no more are wanted.
    func hasRoom() async -> Bool {
        if let limit {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    if state.isDraining || state.connections.count < limit { return true }
                    state.waiter = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        }
        return state.withLock { !$0.isDraining }
    }

    /// Adds a client; one that comes while the server drains is told so at once.
    func add(_ connection: StreamConnection) -> UInt64 {
        let (ticket, isDraining) = state.withLock { state in
            defer { state.nextTicket += 1 }
            state.connections[state.nextTicket] = connection
            return (state.nextTicket, state.isDraining)
        }
        if isDraining { connection.registration.drain() }
        return ticket
    }

    /// Removes a client that is done.
    func remove(_ ticket: UInt64) {
        let waiter = state.withLock { state in
            state.connections[ticket] = nil
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// Lets every client finish with what it has: reads that would wait are cancelled.
    func drain() {
        let (connections, waiter) = state.withLock { state in
            state.isDraining = true
            return (Array(state.connections.values), state.waiter.take())
        }
        waiter?.resume()
        for connection in connections { connection.registration.drain() }
    }
}

/// Ends a drain that takes too long.
final class DrainDeadline: Sendable {
    private struct State {
        var timer: Task<Void, Never>?
        var isCancelled = false
    }

    private let state = Mutex(State())

    /// Runs `expire` after a while, unless `cancel` comes first or came before.
    func start(after delay: Duration, _ expire: @escaping @Sendable () -> Void) {
        state.withLock { state in
            if state.isCancelled { return }
            state.timer = Task {
                guard (try? await Task.sleep(for: delay)) != nil else { return }
                expire()
            }
        }
    }

    func cancel() {
        let timer = state.withLock { state in
            state.isCancelled = true
            return state.timer.take()
        }
        timer?.cancel()
    }
}
