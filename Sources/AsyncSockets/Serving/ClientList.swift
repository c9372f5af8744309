internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// The connections that a server is serving: how many, and how to tell them all to finish.
final class ClientList: Sendable {
    private struct State {
        /// The live connections by ticket.
        var connections: [UInt64: any ServedConnection] = [:]
        /// How many of them each peer has; kept where that is limited.
        var counts: [IPAddress: Int] = [:]
        var nextTicket: UInt64 = 0
        var isDraining = false
        /// The accepting tasks that wait for a client to leave.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// What becomes of a connection that is added.
    enum Added {
        /// It is served; the ticket names it.
        case client(UInt64)
        /// It is one too many of its peer.
        case tooManyOfPeer(SocketError)
    }

    private let limit: Int?
    private let peerLimit: Int?
    private let state = Mutex(State())

    init(_ options: ServeOptions) {
        limit = options.maximumConnections
        peerLimit = options.maximumConnectionsPerPeer
    }

    /// Waits until another client may be accepted; false when no more are wanted.
    ///
    /// Several tasks may accept, so the room may be gone when they come with a client.
    func hasRoom() async -> Bool {
        await room()
        return state.withLock { !$0.isDraining }
    }

    /// Adds a client, when there is room; one that comes while the server drains is told so.
    func add(_ connection: any ServedConnection) async -> Added {
        let peer = peerLimit == nil ? nil : connection.remoteAddress?.ip?.unmapped
        while true {
            let added = state.withLock { state -> (added: Added, isDraining: Bool)? in
                if let peer, let count = state.counts[peer], let peerLimit, count >= peerLimit {
                    return (.tooManyOfPeer(Self.tooMany(peerLimit, connection)), false)
                }
                guard isRoom(state) else { return nil }
                defer { state.nextTicket += 1 }
                state.connections[state.nextTicket] = connection
                if let peer { state.counts[peer, default: 0] += 1 }
                return (.client(state.nextTicket), state.isDraining)
            }
            guard let added else {
                await room()
                continue
            }
            if added.isDraining { connection.registration.drain() }
            return added.added
        }
    }

    private static func tooMany(_ limit: Int, _ connection: any ServedConnection) -> SocketError {
        SocketError(
            .accept,
            code: .limitExceeded,
            remote: connection.remoteAddress,
            reason: "\(limit) clients of this address are being served already"
        )
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
            let connection = state.connections.removeValue(forKey: ticket)
            if peerLimit != nil, let peer = connection?.remoteAddress?.ip?.unmapped {
                let count = state.counts[peer, default: 1] - 1
                state.counts[peer] = count == 0 ? nil : count
            }
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
