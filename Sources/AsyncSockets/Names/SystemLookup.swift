internal import SocketReactor
internal import SocketSystem

/// The threads that wait for the name service.
private let lookupThreads = BlockingPool(
    name: "sockets-names",
    limits: .init(threads: 32, queue: 1024, idle: .seconds(10))
)

/// Asks the system for the addresses of a name, for `Resolver.system`.
@Sendable
func systemLookup(
    _ name: HostName,
    _ version: IPAddress.Version
) async throws -> [IPAddress] {
    try await systemLookup(name, version, on: lookupThreads)
}

/// The same on other threads, for tests of a full pool.
func systemLookup(
    _ name: HostName,
    _ version: IPAddress.Version,
    on pool: BlockingPool
) async throws -> [IPAddress] {
    // RFC 6761: this machine, whatever a name server would say; none is asked.
    if name.isLocalhost { return [version.loopback] }
    let host = name.description
    let result = try await run(on: pool, for: "\"\(host)\"") {
        Result { () throws(NameLookup.Failure) in
            try NameLookup.addresses(of: host, family: version.family)
        }
    }
    switch result {
    case .success(let found): return found.compactMap { SocketAddress($0)?.ip }
    case .failure(let failure): throw SocketError(failure, name, version)
    }
}

/// Asks the system for the port of a TCP service, services(5).
func systemPort(ofService name: String) async throws -> UInt16 {
    let result = try await run(on: lookupThreads, for: "the service \"\(name)\"") {
        try? NameLookup.port(ofService: name, type: SocketKind.stream)
    }
    if let result { return result }
    throw SocketError(
        .resolve,
        code: .nameNotFound,
        reason: "no service is named \"\(name)\""
    )
}

private func run<Value: Sendable>(
    on pool: BlockingPool,
    for what: String,
    _ body: @escaping @Sendable () -> Value
) async throws -> Value {
    do throws(BlockingPool.Failure) {
        return try await pool.run(body)
    } catch {
        switch error {
        case .cancelled: throw CancellationError()
        case .timedOut:
            throw SocketError(
                .resolve,
                code: .timedOut,
                reason: "\(what) was not looked up in time: \(SocketError.deadlinePassed)"
            )
        case .exhausted(let threads):
            throw SocketError(
                .resolve,
                code: .resolverBusy,
                reason: "\(what) cannot be looked up: all \(threads) lookup threads still wait "
                    + "for the name service on behalf of tasks that were cancelled"
            )
        case .queueFull(let count):
            throw SocketError(
                .resolve,
                code: .resolverBusy,
                reason: "\(what) cannot be looked up: \(count) lookups are waiting already"
            )
        case .noThread(let errno):
            throw SocketError(.resolve, errno, reason: "\(what): \(SocketError.noThread)")
        }
    }
}

extension IPAddress.Version {
    /// The kernel's number.
    fileprivate var family: CInt {
        self == .v4 ? SocketAddress.Family.ipv4.rawValue : SocketAddress.Family.ipv6.rawValue
    }

    /// This machine.
    fileprivate var loopback: IPAddress {
        self == .v4 ? .v4(.loopback) : .v6(.loopback)
    }
}

extension SocketError {
    /// A lookup that found nothing, as a sentence.
    fileprivate init(
        _ failure: NameLookup.Failure,
        _ name: HostName,
        _ version: IPAddress.Version
    ) {
        switch failure {
        case .noSuchName:
            self.init(.resolve, code: .nameNotFound, reason: "no host is named \"\(name)\"")
        case .noAddress:
            self = Resolver.noAddress(name.description, [version])
        case .tryAgain:
            self.init(
                .resolve,
                code: .nameTemporarilyUnavailable,
                reason: "the name service did not answer for \"\(name)\" (\(version)); "
                    + "trying again may help"
            )
        case .failed:
            self.init(
                .resolve,
                code: .nameLookupFailed,
                reason: "the name service failed over \"\(name)\" (\(version))"
            )
        case .malformed:
            self.init(
                .resolve,
                code: .invalidName,
                reason: "\"\(name)\" cannot be encoded as a host name"
            )
        case .system(let errno):
            self.init(.resolve, errno, reason: "looking up \"\(name)\"")
        }
    }
}
