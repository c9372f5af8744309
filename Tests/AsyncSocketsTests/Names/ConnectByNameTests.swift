import AsyncSockets
import TestKit
import Testing

/// Connecting by name over real sockets on loopback.
@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct ConnectByNameTests {
    /// Connects from the test's own address.
    private func connect(
        _ hosts: LoopbackHosts,
        _ addresses: [String],
        names: NameOptions = NameOptions()
    ) async throws -> TCPConnection {
        try await TCPConnection.connect(
            to: "host.test",
            port: hosts.port,
            options: ConnectOptions(localAddress: hosts.client, names: names),
            resolver: scriptedResolver(["host.test": addresses])
        )
    }

    /// Whether a connection carries bytes to the server and back.
    private func echoes(_ connection: TCPConnection, _ server: TCPListener) async throws -> Bool {
        var peer = try await server.accept()
        // Before it there may be connections that were given up.
        while peer.remoteAddress != connection.localAddress { peer = try await server.accept() }
        try await connection.write("ping")
        try await peer.write(try await peer.read(exactly: 4))
        return try await connection.read(exactly: 4) == Array("ping".utf8)
    }

    @Test("A name with one good address connects to it")
    func oneAddress() async throws {
        let hosts = try LoopbackHosts()
        let connection = try await connect(hosts, [hosts.good])
        #expect(connection.remoteAddress == hosts.server.localAddress)
        #expect(connection.localAddress?.ip == hosts.client.ip)
        #expect(try await echoes(connection, hosts.server))
        #expect(hosts.openSockets == 1)
        connection.close()
        #expect(hosts.openSockets == 0)
    }

    // That the next one starts at once is shown with a test clock, in HappyEyeballsTests.
    @Test("A refusal leads to the next address")
    func refusal() async throws {
        let hosts = try LoopbackHosts()
        let connection = try await connect(
            hosts,
            [hosts.refusing, hosts.good],
            names: NameOptions(attemptDelay: .seconds(2))
        )
        #expect(connection.remoteAddress == hosts.server.localAddress)
        #expect(hosts.openSockets == 1)
    }

    @Test("A black hole holds the next address up for the attempt delay; the loser is closed")
    func blackHole() async throws {
        let hosts = try LoopbackHosts()
        let hole = try BlackHole(at: hosts.address(3), port: hosts.port)
        let start = ContinuousClock.now
        let connection = try await connect(
            hosts,
            [hosts.address(3), hosts.good],
            names: NameOptions(attemptDelay: .milliseconds(40))
        )
        #expect(ContinuousClock.now - start >= .milliseconds(40))
        #expect(connection.remoteAddress == hosts.server.localAddress)
        #expect(hosts.openSockets == 1)
        #expect(try await echoes(connection, hosts.server))
        withExtendedLifetime(hole) {}
    }

    @Test("All refuse: one error has every attempt")
    func allRefuse() async throws {
        let hosts = try LoopbackHosts()
        let error = await #expect(throws: SocketError.self) {
            try await connect(hosts, [hosts.refusing, hosts.address(4)])
        }
        #expect(error?.code == .connectionRefused)
        #expect(error?.operation == .connect)
        let attempts = error?.attempts ?? []
        #expect(
            attempts.map(\.address.description) == [
                "\(hosts.refusing):\(hosts.port)", "\(hosts.address(4)):\(hosts.port)",
            ]
        )
        #expect(attempts.allSatisfy { $0.error.code == .connectionRefused })
        #expect(attempts.allSatisfy { $0.duration >= .zero && $0.start >= .zero })
        #expect(error?.description.contains("host.test:\(hosts.port): all 2 attempts") == true)
        #expect(hosts.openSockets == 0)
    }

    @Test("A deadline around it bounds the whole")
    func deadline() async throws {
        let hosts = try LoopbackHosts()
        let hole = try BlackHole(at: hosts.address(3), port: hosts.port)
        let error = await #expect(throws: SocketError.self) {
            try await withTimeout(.milliseconds(60)) {
                try await connect(
                    hosts,
                    [hosts.address(3), hosts.address(3)],
                    names: NameOptions(attemptDelay: .milliseconds(10))
                )
            }
        }
        #expect(error?.code == .timedOut)
        #expect(hosts.openSockets == 0)
        withExtendedLifetime(hole) {}
    }

    @Test("Cancelling during the lookup ends it at once")
    func cancelLookup() async throws {
        let hosts = try LoopbackHosts()
        let asked = AsyncStream<Void>.makeStream()
        let never = Resolver { _, _ in
            asked.continuation.yield()
            try await Task.sleep(for: .seconds(3600))
            return []
        }
        let task = Task {
            try await TCPConnection.connect(to: "host.test", port: hosts.port, resolver: never)
        }
        for await _ in asked.stream { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("Cancelling during the attempts leaves no socket")
    func cancelAttempts() async throws {
        let hosts = try LoopbackHosts()
        let holes = try (3...5).map { try BlackHole(at: hosts.address($0), port: hosts.port) }
        let task = Task {
            try await connect(
                hosts,
                (3...5).map { hosts.address($0) },
                names: NameOptions(attemptDelay: .milliseconds(10))
            )
        }
        // The third attempt has begun.
        #expect(await eventually { hosts.openSockets >= 3 })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(hosts.openSockets == 0)
        withExtendedLifetime(holes) {}
    }

    @Test("Cancelling at any moment gives a connection or none, and leaves no socket")
    func cancelAnywhere() async throws {
        let hosts = try LoopbackHosts()
        var connected = 0
        for yields in 0..<200 {
            let task = Task { try await connect(hosts, [hosts.refusing, hosts.good]) }
            for _ in 0..<yields { await Task.yield() }
            task.cancel()
            if let connection = try? await task.value {
                connected += 1
                #expect(try await echoes(connection, hosts.server))
                connection.close()
            } else {
                // A connection that the kernel finished before it was cancelled is closed.
                #expect(hosts.openSockets == 0)
            }
        }
        #expect(hosts.openSockets == 0)
    }

    @Test("A cancellation that comes after the connection does not break it")
    func cancelAfter() async throws {
        let hosts = try LoopbackHosts()
        let (stream, continuation) = AsyncStream<TCPConnection>.makeStream()
        let task = Task {
            continuation.yield(try await connect(hosts, [hosts.good]))
            try? await Task.sleep(for: .seconds(3600))
        }
        for await connection in stream {
            task.cancel()
            try await task.value
            #expect(try await echoes(connection, hosts.server))
            break
        }
    }

    @Test("A task that begins cancelled looks nothing up")
    func cancelBefore() async throws {
        let resolver = Resolver { _, _ in
            Issue.record("looked up")
            return []
        }
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await TCPConnection.connect(to: "host.test", port: 1, resolver: resolver)
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("Beside a local address only addresses of its version are looked up and tried")
    func localVersion() async throws {
        let hosts = try LoopbackHosts()
        let resolver = Resolver { _, version in
            if version == .v6 { Issue.record("IPv6 was asked for") }
            return try [IPAddress(hosts.good)]
        }
        let options = ConnectOptions(localAddress: hosts.client)
        let connection = try await TCPConnection.connect(
            to: "host.test",
            port: hosts.port,
            options: options,
            resolver: resolver
        )
        #expect(connection.remoteAddress == hosts.server.localAddress)
        // No address of that version: the lookup says so.
        let error = await #expect(throws: SocketError.self) {
            try await TCPConnection.connect(
                to: "host.test",
                port: hosts.port,
                options: options,
                resolver: scriptedResolver(["host.test": ["::1"]])
            )
        }
        #expect(error?.code == .nameHasNoAddress)
        // Two wishes that exclude each other.
        var contradiction = options
        contradiction.names.version = .v6
        let impossible = await #expect(throws: SocketError.self) {
            try await TCPConnection.connect(
                to: "host.test",
                port: hosts.port,
                options: contradiction,
                resolver: resolver
            )
        }
        #expect(impossible?.code == .wrongAddressFamily)
    }

    @Test("localhost reaches a server of either version")
    func localhost() async throws {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let server = try TCPListener.bind(to: address)
            let port = server.localAddress.port ?? 0
            let connection = try await TCPConnection.connect(to: "localhost", port: port)
            #expect(connection.remoteAddress == server.localAddress)
            #expect(try await echoes(connection, server))
            let again = try await TCPConnection.connect(to: "localhost:\(port)")
            #expect(again.remoteAddress == server.localAddress)
        }
    }

    @Test("An address instead of a name is not looked up")
    func literal() async throws {
        let hosts = try LoopbackHosts()
        let resolver = Resolver { _, _ in
            Issue.record("looked up")
            return []
        }
        let first = try await TCPConnection.connect(
            to: hosts.good,
            port: hosts.port,
            resolver: resolver
        )
        let second = try await TCPConnection.connect(
            to: "\(hosts.good):\(hosts.port)",
            resolver: resolver
        )
        #expect(first.remoteAddress == second.remoteAddress)
    }

    @Test("Port 0 and malformed names are errors before any lookup")
    func refusedEarly() async throws {
        let resolver = Resolver { _, _ in
            Issue.record("looked up")
            return []
        }
        let zero = await #expect(throws: SocketError.self) {
            try await TCPConnection.connect(to: "host.test", port: 0, resolver: resolver)
        }
        #expect(zero?.code == .invalidArgument)
        let name = await #expect(throws: SocketError.self) {
            try await TCPConnection.connect(to: "host test", port: 1, resolver: resolver)
        }
        #expect(name?.code == .invalidName)
        let text = await #expect(throws: SocketError.self) {
            try await TCPConnection.connect(to: "host.test", resolver: resolver)
        }
        #expect(text?.code == .invalidAddress)
    }

    @Test("A resolver may throw what it likes")
    func foreignError() async throws {
        struct Odd: Error {}
        let resolver = Resolver { _, _ in throw Odd() }
        let error = await #expect(throws: SocketError.self) {
            try await TCPConnection.connect(to: "host.test", port: 1, resolver: resolver)
        }
        #expect(error?.code == .nameLookupFailed)
    }

    @Test("The loopback interface can be named; one that does not exist is an error")
    func interface() async throws {
        let hosts = try LoopbackHosts()
        let connection = try await TCPConnection.connect(
            to: hosts.good,
            port: hosts.port,
            options: ConnectOptions(interface: "lo")
        )
        #expect(try await echoes(connection, hosts.server))
        await #expect(throws: SocketError.self) {
            try await TCPConnection.connect(
                to: hosts.good,
                port: hosts.port,
                options: ConnectOptions(interface: "no-such-if")
            )
        }
    }

    @Test("With fast open the first bytes arrive all the same")
    func fastOpen() async throws {
        let hosts = try LoopbackHosts()
        for _ in 0..<3 {
            let connection = try await TCPConnection.connect(
                to: hosts.good,
                port: hosts.port,
                options: ConnectOptions(fastOpen: true)
            )
            try await connection.write("ping")
            let peer = try await hosts.server.accept()
            #expect(try await peer.read(exactly: 4) == Array("ping".utf8))
        }
    }
}
