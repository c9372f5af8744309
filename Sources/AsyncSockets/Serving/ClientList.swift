internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// The connections that a server is serving: how many, and how to tell them all to finish.
final class ClientList: Sendable {
    private struct State {
        /// The live connections by ticket.
        var connections: [UInt64: StreamConnection] = [:]
        var nextTicket: UInt64 = 0
        var isDraining = false
        /// The accepting tasks that wait for a client to leave.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let limit: Int?
    private let state = Mutex(State())

    init(limit: Int?) { self.limit = limit }

    /// Waits until another client may be accepted; false when no more are wanted.
    ///
    /// Several tasks may accept, so the room may be gone when they come with a client.
    func hasRoom() async -> Bool {
        await room()
        return state.withLock { !$0.isDraining }
    }

    /// Adds a client, when there is room; one that comes while the server drains is told so.
    func add(_ connection: StreamConnection) async -> UInt64 {
        while true {
            let added = state.withLock { state -> (ticket: UInt64, isDraining: Bool)? in
                guard isRoom(state) else { return nil }
                defer { state.nextTicket += 1 }
                state.connections[state.nextTicket] = connection
                return (state.nextTicket, state.isDraining)
            }
            guard let added else {
                await room()
                continue
            }
            if added.isDraining { connection.registration.drain() }
            return added.ticket
        }
    }

    private func room() async {
        if limit == nil { return }
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if isRoom(state) { return true }
                state.waiters.append(continuation)
                return false
            }
            if goesOn { continuation.resume() }
        }
    }

    private func isRoom(_ state: borrowing State) -> Bool {
        guard let limit else { return true }
        return state.isDraining || state.connections.count < limit
    }

    /// Removes a client that is done.
    func remove(_ ticket: UInt64) {
        // All of them: one may hold a client already, another only wants to accept one, and who gets
        // the place is decided where it is taken.
        let waiters = state.withLock { state in
            state.connections[ticket] = nil
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Lets every client finish with what it has: reads that would wait are cancelled.
    func drain() {
        let (connections, waiters) = state.withLock { state in
            state.isDraining = true
            defer { state.waiters = [] }
            return (Array(state.connections.values), state.waiters)
        }
        for waiter in waiters { waiter.resume() }
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
    /// Who keeps the time. Not `Task.sleep`: its first use wants descriptors, and a server that
    /// has none left must still be able to leave.
    private let loop: EventLoop?

    init(on group: EventLoopGroup) {
        loop = (try? group.started.get())?.leastLoadedLoop
    }

    /// Runs `expire` after a while, unless `cancel` comes first or came before.
    func start(after delay: Duration, _ expire: @escaping @Sendable () -> Void) {
        guard let loop else { return expire() }
        let deadline = MonotonicTime.now.advanced(by: delay)
        state.withLock { state in
            if state.isCancelled { return }
            state.timer = Task {
                if await loop.sleep(until: deadline) == .ready { expire() }
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
