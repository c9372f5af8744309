import AsyncSockets
import Synchronization
import TestKit
import Testing

@Suite("A server", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct ServeTests {
    /// Serves while a body runs, then cancels the server and waits for it.
    private func serving(
        _ options: ServeOptions = ServeOptions(),
        at address: String = "127.0.0.1:0",
        _ handler: @escaping @Sendable (StreamConnection) async throws -> Void,
        while body: @escaping @Sendable (SocketAddress) async throws -> Void
    ) async throws {
        let (addresses, ready) = AsyncStream<SocketAddress>.makeStream()
        let server = Task {
            try await serve(at: address, options: options, ready: { ready.yield($0) }, handler)
        }
        var iterator = addresses.makeAsyncIterator()
        let address = try #require(await iterator.next())
        do {
            try await body(address)
        } catch {
            server.cancel()
            _ = await server.result
            throw error
        }
        server.cancel()
        try await server.value
    }

    @Test("tells a waiting client's handler to leave, and lets a busy one finish")
    func drains() async throws {
        let (addresses, ready) = AsyncStream<SocketAddress>.makeStream()
        let server = Task {
            try await serve(at: "127.0.0.1:0", ready: { ready.yield($0) }) { connection in
                for try await chunk in connection { try await connection.write(chunk) }
            }
        }
        var iterator = addresses.makeAsyncIterator()
        let client = try await TCPConnection.connect(to: #require(await iterator.next()))
        // Clients that are not accepted when the server leaves are reset: be served first.
        try await client.write("hello")
        #expect(try await client.read(exactly: 5) == [UInt8]("hello".utf8))
        try await client.write("last words")
        server.cancel()
        #expect(try await client.read(exactly: 10) == [UInt8]("last words".utf8))
        // The handler read on, had to wait, and was told to leave.
        #expect(try await client.read(atMost: 1) == nil)
        try await server.value
    }

    @Test("serves a client that was accepted just before it leaves, and sends just after")
    func servesSilentClient() async throws {
        let directory = TemporaryDirectory()
        for address in ["127.0.0.1:0", "unix:\(directory.path)/socket"] {
            let (addresses, ready) = AsyncStream<SocketAddress>.makeStream()
            let (accepted, accept) = AsyncStream<Void>.makeStream()
            let server = Task {
                try await serve(at: address, ready: { ready.yield($0) }) { connection in
                    accept.yield()
                    for try await chunk in connection { try await connection.write(chunk) }
                }
            }
            var iterator = addresses.makeAsyncIterator()
            let at = try #require(await iterator.next())
            let client: StreamConnection =
                if at.family == .unix { try await UnixConnection.connect(to: at) } else {
                    try await TCPConnection.connect(to: at)
                }
            for await _ in accepted { break }
            server.cancel()
            try await client.write("late")
            #expect(try await client.readToEnd() == [UInt8]("late".utf8))
            try await server.value
        }
    }

    @Test("cancels clients that have not finished when the drain is over")
    func drainEnds() async throws {
        let cancelled = Atomic<Bool>(false)
        let options = ServeOptions(drain: .milliseconds(50))
        try await serving(options) { connection in
            try await connection.write("x")
            // Nothing here waits for a socket, so only the end of the drain wakes it.
            let (never, continuation) = AsyncStream<Void>.makeStream()
            for await _ in never {}
            withExtendedLifetime(continuation) {}
            cancelled.store(Task.isCancelled, ordering: .relaxed)
        } while: { address in
            let client = try await TCPConnection.connect(to: address)
            #expect(try await client.read(exactly: 1).count == 1)
        }
        let wasCancelled = cancelled.load(ordering: .relaxed)
        #expect(wasCancelled)
    }

    @Test("reports one client's error, and neither resets nor cancellation; the others go on")
    func errorsStayApart() async throws {
        struct Broken: Error {}
        let reported = Mutex<[String]>([])
        let options = ServeOptions { _, error in
            reported.withLock { $0.append("\(error)") }
        }
        try await serving(options) { connection in
            while let request = try await connection.read(atMost: 100) {
                if request == [UInt8]("break".utf8) { throw Broken() }
                try await connection.write(request)
            }
        } while: { address in
            let good = try await TCPConnection.connect(to: address)
            let bad = try await TCPConnection.connect(to: address)
            try await bad.write("break")
            #expect(try await bad.read(atMost: 1) == nil)
            let rude = try await TCPConnection.connect(to: address)
            try await rude.write("hello")
            _ = try await rude.read(exactly: 5)
            rude.reset()
            try await good.write("still there")
            #expect(try await good.read(exactly: 11).count == 11)
        }
        let errors = reported.withLock { $0 }
        #expect(errors == ["Broken()"])
    }

    @Test("serves no more at once than its limit, and everybody in the end", arguments: [1, 3])
    func servesUpToItsLimit(_ limit: Int) async throws {
        let now = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        // Two loops accept, each on a socket of its own: a free place must not wake the wrong one.
        let options = ServeOptions(
            listening: ListenOptions(shards: .perLoop),
            maximumConnections: limit
        )
        try await serving(options) { connection in
            most.max(now.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
            defer { now.wrappingSubtract(1, ordering: .relaxed) }
            for try await chunk in connection { try await connection.write(chunk) }
        } while: { address in
            try await withThrowingTaskGroup { clients in
                for _ in 0..<100 {
                    clients.addTask {
                        let client = try await TCPConnection.connect(to: address)
                        try await client.write("x")
                        _ = try await client.read(exactly: 1)
                        client.close()
                    }
                }
                try await clients.waitForAll()
            }
        }
        let atOnce = most.load(ordering: .relaxed)
        #expect(atOnce <= limit)
    }

    @Test("closes the connections of a peer that has its share, tells of them, and serves others")
    func peerLimit() async throws {
        let refused = Mutex<[SocketError.Code?]>([])
        let options = ServeOptions(maximumConnectionsPerPeer: 2) { _, error in
            refused.withLock { $0.append((error as? SocketError)?.code) }
        }
        try await serving(options) { connection in
            for try await chunk in connection { try await connection.write(chunk) }
        } while: { address in
            func echo(from host: String) async throws -> TCPConnection? {
                let local = try SocketAddress("\(host):0")
                let client = try await TCPConnection.connect(
                    to: address,
                    options: ConnectOptions(localAddress: local)
                )
                try? await client.write("x")
                return try? await client.read(exactly: 1) == [0x78] ? client : nil
            }
            let first = try await echo(from: "127.0.0.2")
            let second = try await echo(from: "127.0.0.2")
            #expect(first != nil && second != nil)
            #expect(try await echo(from: "127.0.0.2") == nil)
            #expect(try await echo(from: "127.0.0.3") != nil)
            first?.close()
            // The place is free when the handler has seen the end.
            var third: TCPConnection?
            #expect(
                await eventually {
                    third = try? await echo(from: "127.0.0.2")
                    return third != nil
                }
            )
            withExtendedLifetime((second, third)) {}
        }
        let codes = refused.withLock { Set($0) }
        #expect(codes == [.limitExceeded])
    }

    @Test("refuses limits that let no client in", arguments: [0, -1])
    func uselessLimits(_ limit: Int) async {
        for options in [
            ServeOptions(maximumConnections: limit), ServeOptions(maximumConnectionsPerPeer: limit),
        ] {
            let failure = await code {
                try await serve(at: "127.0.0.1:0", options: options) { _ in }
            }
            #expect(failure == .invalidArgument)
        }
    }

    @Test("listens at an address that is a value, too, of whatever family")
    func addressValue() async throws {
        for text in ["127.0.0.1:0", "unix:@serve-\(UInt64.random(in: 0 ... .max))"] {
            let (addresses, ready) = AsyncStream<SocketAddress>.makeStream()
            let address = try SocketAddress(text)
            let server = Task {
                try await serve(at: address, ready: { ready.yield($0) }) { connection in
                    try await connection.write("hi")
                }
            }
            var iterator = addresses.makeAsyncIterator()
            let bound = try #require(await iterator.next())
            let client: StreamConnection =
                if bound.family == .unix {
                    try await UnixConnection.connect(to: bound)
                } else {
                    try await TCPConnection.connect(to: bound)
                }
            #expect(try await client.readToEnd() == Array("hi".utf8))
            server.cancel()
            try await server.value
        }
    }

    @Test("runs its handlers on the loops of its listener")
    func listenersGroup() async throws {
        let group = try EventLoopGroup(loops: 1)
        let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
        async let served: Void = serve(listener) { connection in
            try await connection.write(currentThreadName())
        }
        // Told apart from the shared group by the number of its loops.
        let names = try await withThrowingTaskGroup { clients in
            for _ in 0..<8 {
                clients.addTask {
                    try await TCPConnection.connect(to: listener.localAddress).readToEnd()
                }
            }
            return try await clients.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(names == [Array("sockets-0".utf8)])
        listener.close()
        try await served
        await group.shutdown()
    }

    @Test("that is cancelled at any moment wakes every client's reader, once")
    func cancelledAnywhere() async throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let spins = Int.random(in: 0..<200, using: &random)
            let isAbrupt = Bool.random(using: &random)
            let options = ServeOptions(drain: isAbrupt ? .zero : .seconds(5))
            try await serving(options) { connection in
                for try await chunk in connection { try await connection.write(chunk) }
            } while: { address in
                let clients = try await [
                    TCPConnection.connect(to: address), TCPConnection.connect(to: address),
                ]
                for client in clients { try await client.write("x") }
                for _ in 0..<spins { await Task.yield() }
                if spins % 3 == 0 { clients[0].reset() }
                if spins % 5 == 0 { clients[1].close() }
            }
        }
    }

    @Test("of a listener is a method, too")
    func isAMethodToo() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        async let served: Void = listener.serve { try await $0.write("hello") }
        let client = try await TCPConnection.connect(to: listener.localAddress)
        #expect(try await client.read(exactly: 5) == [UInt8]("hello".utf8))
        listener.close()
        try await served
        #expect(listener.failure == nil)
    }
}
