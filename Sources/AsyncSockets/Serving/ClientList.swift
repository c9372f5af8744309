internal import SocketReactor
internal import SocketSystem

/// The connections that a server is serving: how many, and how to tell them all to finish.
final class ClientList: Sendable {
    private struct Client: Sendable {
        let connection: any ServedConnection
        let accepted: MonotonicTime
    }

    private struct State: Sendable {
        /// The live connections by ticket.
        var clients: [UInt64: Client] = [:]
        /// How many more may be accepted at any moment: the acceptors have reserved their places.
        var reserved = 0
        /// How many of them each peer has; kept where that is limited.
        var counts: [IPAddress: Int] = [:]
        var nextTicket: UInt64 = 0
        /// Whether clients that have sent nothing are not waited for any more, either.
        var isSettled = false
    }

    /// How long a client that has sent nothing is given when the server leaves. It may have been
    /// accepted a moment ago, and its request may be on its way.
    static let grace = Duration.milliseconds(500)

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

    /// Reserves a place for the next client, and waits until there is one. `add` takes the place,
    /// or `cancelReservation` gives it back.
    func reserve() async {
        guard let limit else { return }
        await state.parkUncancelled { state in
            guard state.clients.count + state.reserved < limit else { return false }
            state.reserved += 1
            return true
        }
    }

    func cancelReservation() { if limit != nil { state.unpark { $0.reserved -= 1 } } }

    /// Adds a client to its reserved place; one that comes while the server drains is told so.
    func add(_ connection: any ServedConnection) -> Added {
        let peer = peerLimit == nil ? nil : connection.remoteAddress?.ip?.unmapped
        let (added, isSettled) = state.unpark { [limit, peerLimit] state -> (Added, Bool) in
            if limit != nil { state.reserved -= 1 }
            if let peer, let count = state.counts[peer], let peerLimit, count >= peerLimit {
                return (.tooManyOfPeer(Self.tooMany(peerLimit, connection)), false)
            }
            defer { state.nextTicket += 1 }
            state.clients[state.nextTicket] = Client(connection: connection, accepted: .now)
            if let peer { state.counts[peer, default: 0] += 1 }
            return (.client(state.nextTicket), state.isSettled)
        }
        if isSettled { connection.registration.drain(.read) }
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
            let client = state.clients.removeValue(forKey: ticket)
            guard peerLimit != nil, let peer = client?.connection.remoteAddress?.ip?.unmapped
            else { return }
            let count = state.counts[peer, default: 1] - 1
            state.counts[peer] = count == 0 ? nil : count
        }
    }

    /// Lets every client finish with what it has: reads that would wait are cancelled. Clients that
    /// have sent nothing yet are spared until `settle`.
    func drain() {
        let clients = state.unpark { Array($0.clients.values) }
        let youngest = MonotonicTime.now.advanced(by: .zero - Self.grace)
        for client in clients {
            let isSilent = client.connection.hasSentNothing ?? (client.accepted > youngest)
            if !isSilent { client.connection.registration.drain(.read) }
        }
    }

    /// Does the same with clients that were spared.
    func settle() {
        let clients = state.unpark { state in
            state.isSettled = true
            return Array(state.clients.values)
        }
        for client in clients { client.connection.registration.drain(.read) }
    }
}

extension ServedConnection {
    /// Whether the peer has sent nothing yet, TCP_INFO in tcp(7); nil if the kernel does not count.
    fileprivate var hasSentNothing: Bool? {
        let info = try? registration.use { (socket) throws(Errno) in
            try SocketOption.tcpInfo.read(from: socket)
        }
        return info.map { $0.bytesReceived == 0 }
    }
}
