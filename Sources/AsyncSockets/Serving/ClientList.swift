internal import SocketReactor
internal import SocketSystem

/// The connections that a server is serving: how many, and how to tell them all to finish.
final class ClientList: Sendable {
    private struct State: Sendable {
        /// The live connections by ticket.
        var connections: [UInt64: any ServedConnection] = [:]
        /// How many more may be accepted at any moment: the acceptors have reserved their places.
        var reserved = 0
        /// How many of them each peer has; kept where that is limited.
        var counts: [IPAddress: Int] = [:]
        var nextTicket: UInt64 = 0
        var isDraining = false
    }

    /// What becomes of a connection that is added.
    enum Added: Sendable {
        /// It is served; the ticket names it.
        case client(UInt64)
        /// It is one too many of its peer.
        case tooManyOfPeer(SocketError)
    }

    private let limit: Int?
    private let peerLimit: Int?
    /// The accepting tasks wait here for a client to leave.
    private let state = WaitList(State())

    init(_ options: ServeOptions) {
        limit = options.maximumConnections
        peerLimit = options.maximumConnectionsPerPeer
    }

    /// Reserves a place for the next client, and waits until there is one. `add` takes the place, or
    /// `cancelReservation` gives it back.
    func reserve() async {
        guard let limit else { return }
        await state.parkUncancelled { state in
            guard state.connections.count + state.reserved < limit else { return false }
            state.reserved += 1
            return true
        }
    }

    func cancelReservation() { if limit != nil { state.unpark { $0.reserved -= 1 } } }

    /// Adds a client to its reserved place; one that comes while the server drains is told so.
    func add(_ connection: any ServedConnection) -> Added {
        let peer = peerLimit == nil ? nil : connection.remoteAddress?.ip?.unmapped
        let (added, isDraining) = state.unpark { [limit, peerLimit] state -> (Added, isDraining: Bool) in
            if limit != nil { state.reserved -= 1 }
            if let peer, let count = state.counts[peer], let peerLimit, count >= peerLimit {
                return (.tooManyOfPeer(Self.tooMany(peerLimit, connection)), false)
            }
            defer { state.nextTicket += 1 }
            state.connections[state.nextTicket] = connection
            if let peer { state.counts[peer, default: 0] += 1 }
            return (.client(state.nextTicket), state.isDraining)
        }
        if isDraining { connection.registration.drain(.read) }
        return added
    }

    private static func tooMany(_ limit: Int, _ connection: any ServedConnection) -> SocketError {
        SocketError(
            .accept,
            code: .limitExceeded,
            remote: connection.remoteAddress,
            reason: "\(limit) clients of this address are being served already"
        )
    }

    /// Removes a client that is done.
    func remove(_ ticket: UInt64) {
        state.unpark { state in
            let connection = state.connections.removeValue(forKey: ticket)
            guard peerLimit != nil, let peer = connection?.remoteAddress?.ip?.unmapped else {
                return
            }
            let count = state.counts[peer, default: 1] - 1
            state.counts[peer] = count == 0 ? nil : count
        }
    }

    /// Lets every client finish with what it has: reads that would wait are cancelled.
    func drain() {
        let connections = state.unpark { state in
            state.isDraining = true
            return Array(state.connections.values)
        }
        for connection in connections { connection.registration.drain(.read) }
    }
}
