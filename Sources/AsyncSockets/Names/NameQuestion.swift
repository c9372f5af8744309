internal import SocketReactor
internal import SocketSystem

/// A name that is being looked up, for one or both versions of IP.
struct NameQuestion: Sendable {
    let name: HostName
    /// The loops that keep the time.
    let group: EventLoopGroup
    /// Called once for each version.
    let lookup: Resolver.Lookup

    /// The name's addresses of one version, at least one.
    func addresses(_ version: IPAddress.Version) async throws -> [IPAddress] {
        try Task.checkCancellation()
        let found: [IPAddress]
        do {
            found = try await lookup(name, version).filter { $0.version == version }
        } catch {
            switch error {
            case is SocketError: throw error
            case is CancellationError where Task.isCancelled: throw error
            case is CancellationError: throw SocketError(.resolve, code: .cancelled)
            // A lookup may throw any error.
            default: throw SocketError(.resolve, code: .nameLookupFailed, reason: "\(error)")
            }
        }
        if found.isEmpty { throw Resolver.noAddress(name.description, [version]) }
        return found
    }

    private enum Report: Sendable {
        case answer(IPAddress.Version, Result<[IPAddress], any Error>)
        case delayIsOver
    }

    /// Looks up the versions side by side; the first that has addresses waits for the other for the
    /// resolution delay.
    func resolution(_ versions: [IPAddress.Version], port: UInt16) async throws -> Resolution {
        let loop = try group.loops(for: .resolve).leastLoadedLoop
        return try await withThrowingTaskGroup(of: Report.self) { tasks in
            for version in versions { tasks.addTask { await report(version) } }
            var queue = AddressQueue()
            var failures: [IPAddress.Version: SocketError] = [:]
            var missing = Set(versions)
            while !missing.isEmpty, let report = try await tasks.next() {
                switch report {
                case .answer(let version, .success(let found)):
                    missing.remove(version)
                    queue.add(found)
                    if missing.isEmpty { break }
                    tasks.addTask {
                        let end = MonotonicTime.now.advanced(by: Resolver.resolutionDelay)
                        _ = try? await loop.sleep(until: end)
                        return .delayIsOver
                    }
                case .answer(let version, .failure(let error as SocketError)):
                    missing.remove(version)
                    failures[version] = error
                case .answer(_, .failure(let error)): throw error
                case .delayIsOver:
                    for version in missing { failures[version] = late(version) }
                    missing = []
                }
            }
            tasks.cancelAll()
            let found = Array(sequence(state: queue) { $0.next() })
            // What was found is not all that there is, for a reason of this machine's.
            if let lack = failures.values.first(where: \.isLack) { throw lack }
            if found.isEmpty { throw Resolver.combined(name, failures) }
            return Resolution(
                addresses: found.map { SocketAddress($0, port: port) },
                failures: failures
            )
        }
    }

    private func report(_ version: IPAddress.Version) async -> Report {
        do {
            return .answer(version, .success(try await addresses(version)))
        } catch {
            return .answer(version, .failure(error))
        }
    }

    private func late(_ version: IPAddress.Version) -> SocketError {
        SocketError(
            .resolve,
            code: .nameTemporarilyUnavailable,
            reason: "the \(version) addresses of \"\(name)\" came later than those of "
                + "\(version.other), or not at all"
        )
    }
}

/// The addresses of a host, at least one.
struct Resolution: Sendable {
    let addresses: [SocketAddress]
    /// Why a version has no address.
    let failures: [IPAddress.Version: SocketError]
}
