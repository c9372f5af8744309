internal import SocketReactor
internal import SocketSystem

/// The threads for what needs no network: the files, services, IDNA.
let localThreads = BlockingPool(
    name: "sockets-files",
    limits: .init(threads: 4, queue: 1024, idle: .seconds(10))
)

/// The threads that wait for the C library's name service, for each kind of question: many servers
/// drop those for one version of IP. A zone has a quarter of the threads: one whose servers are
/// dead leaves the rest to others.
private let libraryThreads = (v4: libraryPool(), v6: libraryPool(), both: libraryPool())

private func libraryPool() -> BlockingPool {
    BlockingPool(
        name: "sockets-names",
        limits: .init(threads: 32, lane: 8, queue: 1024, idle: .seconds(10))
    )
}

/// START HERE for looking up names: asks the system's sources in the order of nsswitch.conf(5), for
/// `Resolver.system`.
///
/// The hosts file and the DNS are read and asked by the library itself. For all else, and if a file
/// has a setting that only the C library obeys, the C library is asked.
func systemLookup(
    _ name: HostName,
    _ version: IPAddress.Version,
    _ agreement: SearchAgreement,
    on group: EventLoopGroup
) async throws -> [IPAddress] {
    // RFC 6761: this machine, whatever a name server would say; none is asked.
    if name.isLocalhost { return [version.loopback] }
    let configuration = try await ResolverConfiguration.current()
    let host = try await encoded(name)
    var failure: SocketError?
    for source in configuration.sources.list {
        do {
            return sortedForConnecting(
                try await ask(source, configuration, host, version, agreement, on: group)
            )
        } catch let error as SocketError where error.isAboutName || error.isPassing {
            // The next source may know. That one might have known counts more than that none does.
            if failure?.isPassing != true { failure = error }
        }
    }
    throw failure ?? notFound(host)
}

private func notFound(_ host: String) -> SocketError {
    SocketError(.resolve, code: .nameNotFound, reason: "no host is named \"\(host)\"")
}

/// The addresses of one version that a source has; none if it has the name without any.
private func ask(
    _ source: NameSources.Source,
    _ configuration: ResolverConfiguration,
    _ host: String,
    _ version: IPAddress.Version,
    _ agreement: SearchAgreement,
    on group: EventLoopGroup
) async throws -> [IPAddress] {
    switch source {
    case .hostsFile:
        // What has an address of one version there has none of the other elsewhere.
        guard let found = configuration.hosts[host] else { throw notFound(host) }
        return found.filter { $0.version == version }
    case .dns:
        let resolver = StubResolver(settings: configuration.dns, group: group)
        return try await resolver.addresses(of: host, version, agreement)
    case .library: return try await askLibrary(host, version, .oneVersion)
    case .libraryForBoth:
        // For a name of the hosts file nothing but the order counts.
        let isInFile = configuration.hosts[host] != nil
        return try await isInFile
            ? askLibrary(host, version, .bothVersions)
            : askLibraryForBoth(host, version, on: group)
    }
}

/// Asks the C library for both versions in one question; if the answer takes long, because that for
/// one version is slow, for the version by itself as well.
private func askLibraryForBoth(
    _ host: String,
    _ version: IPAddress.Version,
    on group: EventLoopGroup
) async throws -> [IPAddress] {
    let loop = try group.loops(for: .resolve).leastLoadedLoop
    return try await withThrowingTaskGroup { tasks in
        for scope in [LibraryQuestion.bothVersions, .oneVersion] {
            tasks.addTask { () -> (LibraryQuestion, Result<[IPAddress], any Error>) in
                do {
                    if scope == .oneVersion {
                        _ = try await loop.sleep(until: .now.advanced(by: .milliseconds(100)))
                    }
                    return (scope, .success(try await askLibrary(host, version, scope)))
                } catch {
                    return (scope, .failure(error))
                }
            }
        }
        defer { tasks.cancelAll() }
        var last = Result<[IPAddress], any Error>.success([])
        while let (scope, result) = try await tasks.next() {
            last = result
            switch (scope, result) {
            case (_, .success(let found)) where !found.isEmpty: return found
            // That the name has no such address is the last word of the question for both only.
            case (.bothVersions, .success): return []
            case (.bothVersions, .failure(let error as SocketError)) where error.isAboutName:
                throw error
            default: break
            }
        }
        return try last.get()
    }
}

private enum LibraryQuestion { case oneVersion, bothVersions }

/// Asks the C library, on a thread.
private func askLibrary(
    _ host: String,
    _ version: IPAddress.Version,
    _ scope: LibraryQuestion
) async throws -> [IPAddress] {
    let family = scope == .oneVersion ? version.family : nil
    let oneVersion = version == .v4 ? libraryThreads.v4 : libraryThreads.v6
    let threads = scope == .oneVersion ? oneVersion : libraryThreads.both
    let labels = host.lowercased().split(separator: ".")
    // Names without a dot are looked for in the same few domains.
    let zone = labels.count > 1 ? labels.suffix(2).joined(separator: ".") : ""
    let result = try await threads.run(
        in: zone,
        sharing: host,
        for: "\"\(host)\""
    ) {
        Result { () throws(NameLookup.Failure) in
            try NameLookup.addresses(of: host, family: family)
        }
    }
    switch result {
    case .success(let found):
        return found.compactMap { SocketAddress($0)?.ip }.filter { $0.version == version }
    case .failure(let failure): throw SocketError(failure, host, "\(version)")
    }
}

/// The name as the DNS and the hosts file have it, IDNA.
private func encoded(_ name: HostName) async throws -> String {
    let text = name.description
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
    let result = try await localThreads.run(for: "\"\(text)\"") {
        Result { () throws(NameLookup.Failure) in try NameLookup.encoded(text) }
    }
    do throws(NameLookup.Failure) {
        return try result.get()
    } catch {
        throw SocketError(error, text, "IDNA")
    }
}

/// Asks the system for the port of a TCP service, services(5).
func systemPort(ofService name: String) async throws -> UInt16 {
    let what = "the service \"\(name)\""
    let result = try await localThreads.run(sharing: what, for: what) {
        Result { () throws(NameLookup.Failure) in
            try NameLookup.port(ofService: name, type: SocketKind.stream)
        }
    }
    switch result {
    case .success(let port): return port
    case .failure(.system(let errno)): throw SocketError(.resolve, errno, reason: what)
    case .failure:
        throw SocketError(
            .resolve,
            code: .nameNotFound,
            reason: "no service is named \"\(name)\""
        )
    }
}

extension BlockingPool {
    /// Runs a blocking call for a lookup; see `run(in:sharing:_:)`.
    func run<Value: Sendable>(
        in lane: String? = nil,
        sharing key: String? = nil,
        for what: String,
        _ body: @escaping @Sendable () -> Value
    ) async throws -> Value {
        do throws(Failure) {
            return try await run(in: lane, sharing: key, body)
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
    /// Whether a source of names could not answer for now; another may.
    fileprivate var isPassing: Bool { code == .nameTemporarilyUnavailable }

    /// A lookup that found nothing, as a sentence; `what` was looked for.
    fileprivate init(_ failure: NameLookup.Failure, _ host: String, _ what: String) {
        switch failure {
        case .noSuchName: self = notFound(host)
        case .noAddress:
            self.init(
                .resolve,
                code: .nameHasNoAddress,
                reason: "\"\(host)\" has no \(what) address"
            )
        case .tryAgain:
            self.init(
                .resolve,
                code: .nameTemporarilyUnavailable,
                reason: "the name service did not answer for \"\(host)\" (\(what)); "
                    + "trying again may help"
            )
        case .failed:
            self.init(
                .resolve,
                code: .nameLookupFailed,
                reason: "the name service failed over \"\(host)\" (\(what))"
            )
        case .malformed:
            self.init(
                .resolve,
                code: .invalidName,
                reason: "\"\(host)\" cannot be encoded as a host name"
            )
        case .noEncoder:
            self.init(
                .resolve,
                code: .notSupported,
                reason: "\"\(host)\" has letters beyond ASCII, for which libidn2 must be installed"
            )
        case .system(let errno):
            self.init(.resolve, errno, reason: "looking up \"\(host)\"")
        }
    }
}
