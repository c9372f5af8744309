internal import SocketReactor
internal import SocketSystem

/// Asks the name servers of resolv.conf(5) for addresses, RFC 1035, as a stub resolver does: it
/// knows a few servers that find out the rest.
///
/// Each question has a socket of its own, connected to the server: the kernel chooses a port that
/// cannot be guessed, and drops what others send. A question that nobody waits for any more ends
/// with its task.
struct StubResolver: Sendable {
    let settings: DNSSettings
    let group: EventLoopGroup

    /// Finds a host's addresses of one version.
    ///
    /// - Parameters:
    ///   - host: A name in ASCII; with a final dot it is absolute.
    ///   - version: The version.
    ///   - agreement: What is known of the other version.
    /// - Returns: The addresses; none if the name exists and has none of this version.
    /// - Throws: `SocketError`: `.nameNotFound`, `.nameTemporarilyUnavailable`, `.timedOut`, and
    ///   the errors of a socket if the machine lacks something; `CancellationError`.
    func addresses(
        of host: String,
        _ version: IPAddress.Version,
        _ agreement: SearchAgreement
    ) async throws -> [IPAddress] {
        defer { agreement.end(version) }
        if version == .v6, settings.skipsIPv6 { return [] }
        var exists = false
        var failure: SocketError?
        for (index, candidate) in settings.candidates(for: host).enumerated() {
            guard let name = DNSName(candidate) else { continue }
            switch try await ask(DNSQuestion(name: name, version: version)) {
            case .addresses(let found) where !found.isEmpty:
                return try await isMeant(index, version, agreement) ? found : []
            case .addresses: exists = true
            case .noSuchName: break
            case .refused?, .notUnderstood?, .truncated?:
                failure = unavailable(host, version, "no name server could answer for")
            case nil:
                // The names behind it could be those of other hosts.
                throw unavailable(host, version, "no name server answered for")
            }
            agreement.pass(index + 1, version)
        }
        if let failure { throw failure }
        if exists { return [] }
        throw SocketError(.resolve, code: .nameNotFound, reason: "no host is named \"\(host)\"")
    }

    private func unavailable(
        _ host: String,
        _ version: IPAddress.Version,
        _ what: String
    ) -> SocketError {
        SocketError(
            .resolve,
            code: .nameTemporarilyUnavailable,
            reason: "\(what) \"\(host)\" (\(version)); trying again may help"
        )
    }

    private func isMeant(
        _ index: Int,
        _ version: IPAddress.Version,
        _ agreement: SearchAgreement
    ) async throws -> Bool {
        let loop = try group.loops(for: .resolve).leastLoadedLoop
        do throws(OperationFailure) {
            return try await agreement.choose(index, version, on: loop)
        } catch {
            throw error.error(.resolve)
        }
    }
}

// MARK: - One question

extension StubResolver {
    /// Asks one server after the other; nil if none says anything.
    private func ask(_ question: DNSQuestion) async throws -> DNSReply? {
        let count = settings.servers.count
        let first = settings.rotates ? Int.random(in: 0..<count) : 0
        var refusal: DNSReply?
        for attempt in 0..<settings.attempts {
            for server in 0..<count {
                let server = settings.servers[(first + server) % count]
                // A question that was lost once may be one that a firewall does not understand.
                var reply = try await ask(question, server, isExtended: attempt == 0)
                if reply == .notUnderstood, attempt == 0 {
                    reply = try await ask(question, server, isExtended: false)
                }
                switch reply {
                case .addresses, .noSuchName: return reply
                case .refused, .notUnderstood, .truncated: refusal = reply
                case nil: break
                }
            }
        }
        return refusal
    }

    /// Asks one server once; nil if it does not answer in time.
    private func ask(
        _ question: DNSQuestion,
        _ server: SocketAddress,
        isExtended: Bool
    ) async throws -> DNSReply? {
        let id = UInt16.random(in: 0...UInt16.max)
        let message = question.message(id: id, isExtended: isExtended)
        do {
            if !settings.usesTCP {
                let reply = try await askOverUDP(message, server) {
                    DNSReply($0, to: question, id: id)
                }
                if reply != .truncated { return reply }
            }
            return try await askOverTCP(message, server) { DNSReply($0, to: question, id: id) }
        } catch let error as SocketError where error.isLack {
            throw error.during(.resolve)
        } catch let error as SocketError {
            // The program's deadline, not the question's own.
            if error.code == .timedOut, Deadline.current?.hasPassed == true {
                throw SocketError(.resolve, code: .timedOut, reason: SocketError.deadlinePassed)
            }
            // Nobody listens there, or there is no way there: another server may be better.
            return nil
        }
    }

    private func askOverUDP(
        _ message: [UInt8],
        _ server: SocketAddress,
        _ read: ([UInt8]) -> DNSReply?
    ) async throws -> DNSReply? {
        let socket = try UDPSocket.connect(to: server, on: group)
        defer { socket.close() }
        // The end of the socket ends the wait. A scope of `withTimeout` would make each wait of the
        // program look for scopes from now on.
        let timer = try group.loops(for: .resolve).leastLoadedLoop.setTimer(
            at: .now.advanced(by: settings.timeout)
        ) { socket.close() }
        defer { timer?.cancel() }
        try await socket.send(message)
        while true {
            let datagram = try await socket.receive()
            if let reply = read(datagram.bytes) { return reply }
        }
    }

    private func askOverTCP(
        _ message: [UInt8],
        _ server: SocketAddress,
        _ read: ([UInt8]) -> DNSReply?
    ) async throws -> DNSReply? {
        try await withTimeout(settings.timeout, on: group) {
            let connection = try await TCPConnection.connect(to: server, on: group)
            defer { connection.close() }
            // Each message stands behind its length, RFC 1035, section 4.2.2.
            try await connection.write(UInt16(message.count).octets + message)
            let length = try await connection.read(exactly: 2)
            return read(try await connection.read(exactly: Int(length[0]) << 8 | Int(length[1])))
        }
    }
}
