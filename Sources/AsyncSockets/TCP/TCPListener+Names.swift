internal import SocketReactor
internal import SocketSystem

extension TCPListener {
    /// Listens at every address of a host: a name's addresses of both versions of IP, or a given
    /// address.
    ///
    /// `localhost` means `::1` and `127.0.0.1`. All addresses get the same port, and the listener
    /// is one sequence of the connections of all. An address is left out if this machine does not
    /// have it, or does not have its version of IP, as long as another address is left; so are the
    /// addresses of one version if they come later than those of the other. `omissions` tells what
    /// was left out and why. Any other failure leaves nothing bound.
    ///
    /// The corresponding system calls are `bind(2)` and `listen(2)`; for names see `Resolver`.
    ///
    /// - Parameters:
    ///   - host: A name such as `localhost`, or an IP address.
    ///   - port: The port; with 0 the kernel chooses one that is free at all the addresses.
    ///   - options: The options of the listener. Sockets of IPv6 take connections of IPv6 only,
    ///     unless `socketOptions` say otherwise.
    ///   - resolver: The source of the addresses.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; the kernel accepts connections from now on.
    /// - Throws: `SocketError`: the errors of `bind(to:)` for an address, and the codes of a failed
    ///   lookup, see `Resolver`. `CancellationError` if the task was cancelled.
    public static func bind(
        to host: String,
        port: UInt16,
        options: ListenOptions = ListenOptions(),
        resolver: Resolver = .system,
        on group: EventLoopGroup = .shared
    ) async throws -> TCPListener {
        let endpoint = try Endpoint(host: host, port: port)
        return try await bind(to: endpoint, options: options, resolver: resolver, on: group)
    }

    /// The same for an endpoint, which may be a name or an address.
    static func bind(
        to endpoint: Endpoint,
        options: ListenOptions,
        resolver: Resolver,
        on group: EventLoopGroup
    ) async throws -> TCPListener {
        let resolution = try await resolver.resolution(of: endpoint, version: nil, on: group)
        let addresses = resolution.addresses
        if addresses.count == 1, case .address = endpoint.host {
            return try bind(to: addresses[0], options: options, on: group)
        }
        var last: SocketError?
        // The port that the kernel chooses at one address may be taken at another: try again.
        for _ in 0..<(addresses[0].port == 0 ? 16 : 1) {
            do throws(SocketError) {
                return try bindAll(resolution, options: options, on: group)
            } catch {
                last = error
                if error.code != .addressInUse { throw error }
            }
        }
        throw last ?? SocketError(.bind, code: .addressInUse)
    }

    /// Binds to each address, or to none of them.
    private static func bindAll(
        _ resolution: Resolution,
        options: ListenOptions,
        on group: EventLoopGroup
    ) throws(SocketError) -> TCPListener {
        var parts: [ListenerCore] = []
        // That a name has no address of one version is no omission.
        var omissions = resolution.failures.values.filter { !$0.isAboutName }
        var port = resolution.addresses[0].port ?? 0
        for address in resolution.addresses {
            var options = options
            if address.ip?.version == .v6 {
                // Otherwise it would also take the port of IPv4, which another socket is about to
                // bind.
                options.socketOptions.insert(.set(.v6Only, true), at: 0)
            }
            do throws(SocketError) {
                let part = try bind(to: address.withPort(port), options: options, on: group)
                port = part.localAddress.port ?? port
                parts.append(part.core)
            } catch {
                // The sockets that are bound already close when they are dropped.
                guard error.code == .addressNotAvailable || error.code == .wrongAddressFamily
                else { throw error }
                omissions.append(error)
            }
        }
        if parts.isEmpty, let missing = omissions.last { throw missing }
        let core = parts.count == 1 ? parts[0] : ListenerCore(joining: parts)
        return TCPListener(core: core, omissions: omissions)
    }
}
