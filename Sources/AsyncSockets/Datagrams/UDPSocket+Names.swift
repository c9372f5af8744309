extension UDPSocket {
    /// Makes a socket that is connected to one peer, a host given by name.
    ///
    /// The host's addresses are tried in the order of `Resolver.resolve(_:port:version:)`; the
    /// first that this machine has a route to is taken. Nothing is sent, so it stays unknown
    /// whether the peer is there. The corresponding system call is `connect(2)`; for names see
    /// `Resolver`.
    ///
    /// - Parameters:
    ///   - host: A name such as `example.org`, or an IP address.
    ///   - port: The port.
    ///   - local: The address to bind to; nil lets the kernel choose. Only peer addresses of its
    ///     version are tried.
    ///   - options: The options of the socket.
    ///   - resolver: The source of the addresses.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: `SocketError`: the error of `connect(to:)` for the first address, if all fail; the
    ///   codes of a failed lookup, see `Resolver`. `CancellationError` if the task was cancelled.
    public static func connect(
        to host: String,
        port: UInt16,
        from local: SocketAddress? = nil,
        options: UDPOptions = UDPOptions(),
        resolver: Resolver = .system,
        on group: EventLoopGroup = .shared
    ) async throws -> UDPSocket {
        let found = try await resolver.resolution(
            of: Endpoint(host: host, port: port),
            version: local?.ip?.version,
            on: group
        )
        return try first(of: found.addresses) { address throws(SocketError) in
            try connect(to: address, from: local, options: options, on: group)
        }
    }

    /// Binds a socket to an address of a host that is given by name: the first that this machine
    /// has. `localhost` is `[::1]` if there is IPv6.
    ///
    /// The corresponding system call is `bind(2)`; for names see `Resolver`.
    ///
    /// - Parameters:
    ///   - host: A name such as `localhost`, or an IP address.
    ///   - port: The port; with 0 the kernel chooses one.
    ///   - version: The version of the addresses; nil for both versions.
    ///   - options: The options of the socket.
    ///   - resolver: The source of the addresses.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: As `connect(to:port:from:options:resolver:on:)`.
    public static func bind(
        to host: String,
        port: UInt16,
        version: IPAddress.Version? = nil,
        options: UDPOptions = UDPOptions(),
        resolver: Resolver = .system,
        on group: EventLoopGroup = .shared
    ) async throws -> UDPSocket {
        let found = try await resolver.resolution(
            of: Endpoint(host: host, port: port),
            version: version,
            on: group
        )
        return try first(of: found.addresses) { address throws(SocketError) in
            try bind(to: address, options: options, on: group)
        }
    }

    /// The socket for the first address that works; if none does, throws the first address's error.
    private static func first(
        of addresses: [SocketAddress],
        _ make: (SocketAddress) throws(SocketError) -> UDPSocket
    ) throws(SocketError) -> UDPSocket {
        var failure: SocketError?
        for address in addresses {
            do throws(SocketError) {
                return try make(address)
            } catch {
                failure = failure ?? error
            }
        }
        throw failure ?? SocketError(.resolve, code: .nameHasNoAddress)
    }

    /// The destination that a text means; a name is looked up.
    func resolve(_ text: String) async throws -> SocketAddress {
        let endpoint = try Endpoint(text)
        if case .address(let address) = endpoint.host, case .number = endpoint.port {
            return address
        }
        let found = try await Resolver.system.resolution(of: endpoint, version: onlyVersion)
            .addresses
        // Over both versions, so that one without a way there is not the first.
        let best = sortedForConnecting(found.compactMap(\.ip))
        return best.first.map { SocketAddress($0, port: found[0].port ?? 0) } ?? found[0]
    }

    /// The only version of the addresses that it can send to; nil for a socket of both.
    private var onlyVersion: IPAddress.Version? {
        guard isIPv6 else { return .v4 }
        guard case .v6(let local)? = localAddress?.ip else { return .v6 }
        if local.isUnspecified { return (try? get(.v6Only)) == false ? nil : .v6 }
        return local.isIPv4Mapped ? .v4 : .v6
    }
}
