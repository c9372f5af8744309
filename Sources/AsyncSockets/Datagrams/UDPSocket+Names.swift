extension UDPSocket {
    /// Makes a socket that talks to one peer, a host that is given by name.
    ///
    /// The host's addresses are taken in the order of `Resolver.resolve(_:port:version:)`, up to the
    /// first that this machine has a route to. Nothing is sent, so nobody knows whether the peer
    /// is there. The corresponding calls are `getaddrinfo(3)`, on a thread of its own, and
    /// `connect(2)`.
    ///
    /// - Parameters:
    ///   - host: A name such as `example.org`, or an IP address.
    ///   - port: The port.
    ///   - local: The address to bind to; nil lets the kernel choose. Only addresses of its version
    ///     are taken.
    ///   - options: What the socket may do and shall tell.
    ///   - resolver: What finds the addresses.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: `SocketError`: what `connect(to:)` throws for the first address, where all fail;
    ///   the codes of a failed lookup, see `Resolver`. `CancellationError` where the task was
    ///   cancelled.
    public static func connect(
        to host: String,
        port: UInt16,
        from local: SocketAddress? = nil,
        options: UDPOptions = UDPOptions(),
        resolver: Resolver = .system,
        on group: EventLoopGroup = .shared
    ) async throws -> UDPSocket {
        let version = local?.ip?.version
        let found = try await resolver.resolve(host, port: port, version: version)
        return try first(of: found) { address throws(SocketError) in
            try connect(to: address, from: local, options: options, on: group)
        }
    }

    /// Binds a socket to an address of a host that is given by name: to the first that this machine
    /// has. `localhost` is `[::1]` where there is IPv6.
    ///
    /// The corresponding calls are `getaddrinfo(3)`, on a thread of its own, and `bind(2)`.
    ///
    /// - Parameters:
    ///   - host: A name such as `localhost`, or an IP address.
    ///   - port: The port; with 0 the kernel chooses one.
    ///   - version: Which addresses are taken; nil for both versions.
    ///   - options: What the socket may do and shall tell.
    ///   - resolver: What finds the addresses.
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
        let found = try await resolver.resolve(host, port: port, version: version)
        return try first(of: found) { address throws(SocketError) in
            try bind(to: address, options: options, on: group)
        }
    }

    /// The first address with which something can be made; the error of the first where none can.
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

    /// Where a datagram goes whose destination is given as text; a name is looked up.
    func resolve(_ text: String) async throws -> SocketAddress {
        let endpoint = try Endpoint(text)
        if case .address(let address) = endpoint.host, case .number = endpoint.port {
            return address
        }
        // A socket sends to addresses of its own version.
        let found = try await Resolver.system.resolve(endpoint, version: isIPv6 ? .v6 : .v4)
        return found[0]
    }
}
