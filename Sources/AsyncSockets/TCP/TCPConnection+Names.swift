internal import SocketReactor

extension TCPConnection {
    /// Connects to a host by name (Happy Eyeballs, RFC 8305).
    ///
    /// The addresses of both versions of IP are looked up at once and tried one after the other,
    /// IPv6 first. The next attempt starts after a quarter of a second, or at once if an attempt
    /// fails. The first connection wins; the others are closed. `withTimeout` around the call
    /// bounds the whole. An IP address instead of a name is not looked up.
    ///
    /// The corresponding system call is `connect(2)`; for names see `Resolver`.
    ///
    /// - Parameters:
    ///   - host: A name such as `example.org`, or an IP address.
    ///   - port: The port, the same at every address.
    ///   - options: The local address, the delays, and options of the socket.
    ///   - resolver: The source of the addresses.
    ///   - group: The loops that the connection joins.
    /// - Returns: The connection.
    /// - Throws: `SocketError`. If no address could be found: `.nameNotFound`, `.nameHasNoAddress`,
    ///   `.nameTemporarilyUnavailable`, `.nameLookupFailed`, `.invalidName`, `.resolverBusy`. If
    ///   all addresses failed: the code of the first failure that is not merely a missing route;
    ///   `attempts` has them all, with address, cause and time. `CancellationError` if the task was
    ///   cancelled; no socket is left then.
    public static func connect(
        to host: String,
        port: UInt16,
        options: ConnectOptions = ConnectOptions(),
        resolver: Resolver = .system,
        on group: EventLoopGroup = .shared
    ) async throws -> TCPConnection {
        let endpoint = try Endpoint(host: host, port: port)
        return try await connect(to: endpoint, options, resolver, on: group)
    }

    /// Connects to a peer given as text: an address such as `127.0.0.1:80` or `[::1]:80`, or a name
    /// with a port or a service, such as `example.org:80` or `example.org:http`.
    ///
    /// - Parameters:
    ///   - address: The peer.
    ///   - options: The local address, the delays, and options of the socket.
    ///   - resolver: The source of a name's addresses.
    ///   - group: The loops that the connection joins.
    /// - Returns: The connection.
    /// - Throws: As for a `SocketAddress` or for a host and a port; `.invalidAddress` or
    ///   `.invalidName` if the text is neither.
    public static func connect(
        to address: String,
        options: ConnectOptions = ConnectOptions(),
        resolver: Resolver = .system,
        on group: EventLoopGroup = .shared
    ) async throws -> TCPConnection {
        try await connect(to: Endpoint(address), options, resolver, on: group)
    }

    private static func connect(
        to endpoint: Endpoint,
        _ options: ConnectOptions,
        _ resolver: Resolver,
        on group: EventLoopGroup
    ) async throws -> TCPConnection {
        let port = try await resolver.portNumber(endpoint.port)
        switch endpoint.host {
        case .address(let address):
            return try await connect(to: address.withPort(port), options: options, on: group)
        case .name(let name):
            if port == 0 { throw portZero(name.description) }
            let race = ConnectionRace(
                name: name,
                port: port,
                options: options,
                resolver: resolver,
                group: group
            )
            let (registration, address) = try await race.run()
            return TCPConnection(connected: registration, to: address, options)
        }
    }

    private static func portZero(_ host: String) -> SocketError {
        SocketError(.connect, code: .invalidArgument, reason: "\(host):0: port 0 is no port")
    }
}
