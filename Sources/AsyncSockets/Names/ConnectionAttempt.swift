internal import SocketSystem

/// A failed attempt at one address, while connecting to a host by name.
public struct ConnectionAttempt: Hashable, Sendable, CustomStringConvertible {
    /// The address that was tried.
    public let address: SocketAddress

    /// The reason why it failed.
    public let error: SocketError

    /// The time from the beginning of the whole `connect`, lookups included, to the attempt's
    /// start.
    public let start: Duration

    /// The time until it failed.
    public let duration: Duration

    /// `127.0.0.1:9: connection refused (ECONNREFUSED) after 0.2 ms`
    public var description: String {
        "\(address): \(error.cause) after \(duration.milliseconds)"
    }
}

extension Duration {
    /// The time in milliseconds with one decimal, `0.2 ms`.
    fileprivate var milliseconds: String {
        let tenths = (self / .microseconds(100)).rounded()
        return "\(tenths / 10) ms"
    }
}

extension HappyEyeballs {
    /// The attempts that have failed.
    private var failures: [ConnectionAttempt] {
        attempts.compactMap { attempt in
            guard let error = attempt.error, let ended = attempt.ended else { return nil }
            return ConnectionAttempt(
                address: attempt.address,
                error: error,
                start: began.duration(to: attempt.started),
                duration: attempt.started.duration(to: ended)
            )
        }
    }

    /// The error of a race whose time ran out.
    func timedOut(for name: HostName, port: UInt16) -> SocketError {
        let reached = attempts.isEmpty ? "looking up the name" : "\(attempts.count) attempts"
        return SocketError(
            .connect,
            code: .timedOut,
            reason: "\(name):\(port): \(SocketError.deadlinePassed), after \(reached)",
            attempts: failures
        )
    }

    /// The error of a race in which every address failed.
    func error(for name: HostName, port: UInt16) -> SocketError {
        if attempts.isEmpty { return Resolver.combined(name, lookupFailures) }
        let failures = failures
        var parts = failures.map(\.description)
        // A missing address of one version is not worth reporting; a silent name service is.
        for version in [IPAddress.Version.v6, .v4] {
            if let failure = lookupFailures[version], !failure.isAboutName {
                parts.append("\(version) addresses: \(failure.cause)")
            }
        }
        // A missing route for one version of IP says nothing about the host.
        let telling = failures.first { !$0.error.isAboutRoute } ?? failures.first
        let count = failures.count == 1 ? "the attempt" : "all \(failures.count) attempts"
        return SocketError(
            .connect,
            code: telling?.error.code ?? .nameHasNoAddress,
            reason: "\(name):\(port): \(count) failed: " + parts.joined(separator: "; "),
            attempts: failures
        )
    }
}

extension MonotonicTime {
    fileprivate func duration(to later: MonotonicTime) -> Duration {
        .nanoseconds(later.nanoseconds - nanoseconds)
    }
}

extension SocketError {
    fileprivate var isAboutRoute: Bool {
        code == .networkUnreachable || code == .addressNotAvailable || code == .wrongAddressFamily
    }
}
