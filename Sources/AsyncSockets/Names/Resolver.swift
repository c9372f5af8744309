internal import SocketReactor
internal import SocketSystem

/// Looks up the addresses of hosts.
///
/// Connecting and listening by name take a resolver; the default is ``system``. A program that has
/// its own source of addresses makes a resolver from a closure:
///
/// ```swift
/// let fixed = Resolver { name, version in
///     version == .v4 ? [.v4(.loopback)] : []
/// }
/// let connection = try await TCPConnection.connect(to: "db", port: 5432, resolver: fixed)
/// ```
public struct Resolver: Sendable {
    /// Looks up the addresses of one version; an empty answer means that there are none.
    ///
    /// When the task is cancelled, the lookup must end soon: the caller waits for it. The caller
    /// gets a `SocketError` as it is, and any other error as `.nameLookupFailed`.
    public typealias Lookup =
        @Sendable (HostName, IPAddress.Version) async throws -> [IPAddress]

    /// Begins to look up a name's addresses of some versions, with sockets of a group: makes the
    /// lookup that is called once for each of them. It is never called for literal addresses.
    private let begin: @Sendable (Set<IPAddress.Version>, EventLoopGroup) -> Lookup

    /// Makes a resolver from a lookup.
    ///
    /// Two tasks call it for both versions at once, so that a slow answer to one question does not
    /// hold up the other.
    ///
    /// - Parameter lookup: Finds the addresses of one version.
    public init(_ lookup: @escaping Lookup) { begin = { _, _ in lookup } }

    private init(begin: @escaping @Sendable (Set<IPAddress.Version>, EventLoopGroup) -> Lookup) {
        self.begin = begin
    }

    /// The system's resolver: the hosts file, the DNS, and the other sources that nsswitch.conf(5)
    /// names, in its order. The first source that has an address of either version has them all.
    ///
    /// `localhost` and the names below it always mean the loopback addresses of both versions; no
    /// name service is asked for them, RFC 6761.
    ///
    /// The library reads the hosts file and asks the name servers of resolv.conf(5) itself, over
    /// UDP, and over TCP for long answers. A cancelled caller leaves nothing behind. If
    /// nsswitch.conf(5) names another source, that one is asked by `getaddrinfo(3)`, which blocks.
    /// It runs on threads of its own, at most 32 for each kind of question, which end when they are
    /// idle. A cancelled caller goes on at once; the thread becomes free when the name service
    /// answers or gives up.
    public static let system = Resolver(begin: { versions, group in
        let agreement = SearchAgreement(versions)
        return { name, version in try await systemLookup(name, version, agreement, on: group) }
    })

    /// How long one version's answer waits for the other's, RFC 8305, section 3.
    static let resolutionDelay = Duration.milliseconds(50)

    /// Finds a host's addresses of one version.
    ///
    /// - Parameters:
    ///   - host: A name, or an IP address, which is not looked up.
    ///   - version: The version of the addresses.
    /// - Returns: The addresses, the best first; at least one.
    /// - Throws: `SocketError`: `.nameNotFound`, `.nameHasNoAddress` for a name without an address
    ///   of that version, `.nameTemporarilyUnavailable`, `.nameLookupFailed`, `.invalidName`,
    ///   `.resolverBusy` if abandoned lookups hold all threads. `CancellationError` if the task was
    ///   cancelled.
    public func addresses(
        of host: String,
        _ version: IPAddress.Version
    ) async throws -> [IPAddress] {
        switch try Endpoint(host: host, port: 0).host {
        case .address(let address):
            guard let ip = address.ip, ip.version == version else {
                throw Self.noAddress(host, [version])
            }
            return [ip]
        case .name(let name):
            return try await question(name, [version], on: .shared).addresses(version)
        }
    }

    /// Begins to look up a name.
    func question(
        _ name: HostName,
        _ versions: Set<IPAddress.Version>,
        on group: EventLoopGroup
    ) -> NameQuestion {
        NameQuestion(name: name, group: group, lookup: begin(versions, group))
    }

    /// Finds all addresses of a host, to send to it or to listen at it.
    ///
    /// Both versions are looked up at once. The first that has an address waits for the other for
    /// 50 milliseconds; addresses that come later are left out. The addresses stand in the order in
    /// which to try them: the versions take turns, IPv6 first, RFC 8305.
    ///
    /// - Parameters:
    ///   - host: A name, or an IP address, which is not looked up.
    ///   - port: The port of the addresses.
    ///   - version: The version of the addresses; nil for both.
    /// - Returns: The addresses, each once; at least one.
    /// - Throws: As ``addresses(of:_:)``, if neither version has an address. If one could not be
    ///   looked up because this machine lacks something, such as a descriptor, that error.
    public func resolve(
        _ host: String,
        port: UInt16,
        version: IPAddress.Version? = nil
    ) async throws -> [SocketAddress] {
        let endpoint = try Endpoint(host: host, port: port)
        return try await resolution(of: endpoint, version: version).addresses
    }

    /// Finds all addresses of a host that is given with its port, as `example.org:53` or
    /// `example.org:domain`; an address is returned unchanged.
    ///
    /// - Parameters:
    ///   - text: The host, a colon, and a port or a service of services(5).
    ///   - version: The version of the addresses; nil for both.
    /// - Returns: The addresses, each once; at least one.
    /// - Throws: As ``addresses(of:_:)``; `.invalidAddress` if the text is not a host and a port.
    public func resolve(
        _ text: String,
        version: IPAddress.Version? = nil
    ) async throws -> [SocketAddress] {
        try await resolution(of: Endpoint(text), version: version).addresses
    }

    /// The same for an endpoint, and what could not be found out.
    func resolution(
        of endpoint: Endpoint,
        version: IPAddress.Version?,
        on group: EventLoopGroup = .shared
    ) async throws -> Resolution {
        let port = try await portNumber(endpoint.port)
        switch endpoint.host {
        case .address(let address):
            if let version, address.ip?.version != version {
                throw Self.noAddress(address.ip?.description ?? address.description, [version])
            }
            return Resolution(addresses: [address.withPort(port)], failures: [:])
        case .name(let name):
            let versions = version.map { [$0] } ?? [.v6, .v4]
            let question = question(name, Set(versions), on: group)
            return try await question.resolution(versions, port: port)
        }
    }

    /// A port's number; a service's port is looked up on the system.
    func portNumber(_ port: Endpoint.Port) async throws -> UInt16 {
        switch port {
        case .number(let number): number
        case .service(let name): try await systemPort(ofService: name)
        }
    }
}

// MARK: - Errors

extension Resolver {
    static func noAddress(_ host: String, _ versions: [IPAddress.Version]) -> SocketError {
        let kind = versions.count == 1 ? "no \(versions[0]) address" : "no address"
        return SocketError(.resolve, code: .nameHasNoAddress, reason: "\"\(host)\" has \(kind)")
    }

    /// The error of two failed lookups of one name.
    static func combined(
        _ name: HostName,
        _ failures: [IPAddress.Version: SocketError]
    ) -> SocketError {
        let errors = [failures[.v6], failures[.v4]].compactMap(\.self)
        // A name that has no address of one version exists, whatever the other answer says. A
        // failure that may pass says more than either, and what this machine lacks says most.
        if let lack = errors.first(where: \.isLack) { return lack }
        if let telling = errors.first(where: { !$0.isAboutName }) { return telling }
        if errors.contains(where: { $0.code == .nameHasNoAddress }), errors.count == 2 {
            return noAddress(name.description, [.v6, .v4])
        }
        return errors.first ?? noAddress(name.description, [.v6, .v4])
    }
}

extension SocketError {
    /// Whether this machine lacked something that a lookup takes: it says nothing of the name, and
    /// what was found beside it is not all.
    var isLack: Bool {
        [.tooManyDescriptors, .noBufferSpace, .errno(Errno.again.rawValue)].contains(code)
    }

    /// Whether a name service answered, and had nothing.
    var isAboutName: Bool { code == .nameNotFound || code == .nameHasNoAddress }
}
