import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite("A TCP listener", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct AcceptTests {
    // In a process of its own: a child that another test starts has copies of all descriptors until
    // it executes its program, and holds the address for so long.
    @Test(
        "can be bound, closed and bound again at once, with connections in TIME_WAIT",
        .enabled(if: ThreadSanitizer.isOff)
    )
    func listenCloseListen() async throws {
        await #expect(processExitsWith: .success) {
            var address: SocketAddress = try SocketAddress("127.0.0.1:0")
            for _ in 0..<5 {
                let listener = try TCPListener.bind(to: address)
                address = listener.localAddress
                async let client = TCPConnection.connect(to: listener.localAddress)
                let server = try await listener.accept()
                // The side that closes first gets TIME_WAIT.
                server.close()
                #expect(try await client.readToEnd().isEmpty)
                listener.close()
            }
        }
    }

    @Test("ends its loops when it is closed, and later calls say `.closed`")
    func closingEndsLoops() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        async let looped: Int = {
            var count = 0
            for await _ in listener { count += 1 }
            return count
        }()
        async let accepting = code { _ = try await listener.accept() }
        await Task.yield()
        listener.close()
        listener.close()
        #expect(await looped == 0)
        #expect(await accepting == .closed)
        #expect(listener.isClosed)
        #expect(await code { _ = try await listener.accept() } == .closed)
        #expect(listener.localAddress.port != 0)
    }

    @Test("says why accepting failed for good, and `serve` throws it after its clients are done")
    func failureEndsLoops() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let (served, isServed) = AsyncStream<Void>.makeStream()
        let server = Task {
            try await serve(listener) { connection in
                isServed.yield()
                for try await chunk in connection { try await connection.write(chunk) }
            }
        }
        let client = try await TCPConnection.connect(to: listener.localAddress)
        for await _ in served { break }
        // The kernel accepts nothing more from such a socket, and says EINVAL.
        let other = try listener.duplicateDescriptor()
        #expect(try other.withDescriptor { Glibc.shutdown($0, CInt(SHUT_RD)) } == 0)
        #expect(await eventually { listener.failure != nil })
        #expect(listener.failure?.code == .invalidArgument)
        #expect(listener.failure?.operation == .accept)
        // An accepted client ends as if the server left: idle, at once, and without a reset.
        #expect(try await client.readToEnd().isEmpty)
        #expect(await code { try await server.value } == .invalidArgument)
        for await _ in listener { Issue.record("a connection from nowhere") }
        #expect(await code { _ = try await listener.accept() } != nil)
    }

    @Test("ends its loops when the time of a `withTimeout` has run out, without being closed")
    func timeoutEndsLoops() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        try await withTimeout(.milliseconds(30)) {
            for await _ in listener { Issue.record("a connection from nowhere") }
        }
        #expect(!listener.isClosed)
        #expect(listener.failure == nil)
        async let client = TCPConnection.connect(to: listener.localAddress)
        #expect(try await listener.accept().remoteAddress == client.localAddress)
    }

    @Test("gives its descriptor away and takes it back")
    func detachAndAdopt() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let address = listener.localAddress
        let descriptor = try listener.detach()
        #expect(listener.isClosed)
        #expect(await code { _ = try await listener.accept() } == .closed)
        #expect(await code { _ = try listener.detach() } == .closed)
        let adopted = try TCPListener(adopting: descriptor)
        #expect(adopted.localAddress == address)
        async let client = TCPConnection.connect(to: address)
        #expect(try await adopted.accept().remoteAddress == client.localAddress)
        let shards = try shardedListener(on: EventLoopGroup(loops: 2))
        #expect(await code { _ = try shards.detach() } == .notSupported)
        shards.close()
    }

    @Test(
        "frees its address at once when it is closed while a task accepts",
        .enabled(if: ThreadSanitizer.isOff)
    )
    func closingFrees() async throws {
        // In a process of its own, as above.
        await #expect(processExitsWith: .success) {
            var address = try SocketAddress("127.0.0.1:0")
            let group = try EventLoopGroup(loops: 1)
            for _ in 0..<20 {
                let listener = try TCPListener.bind(to: address, on: group)
                address = listener.localAddress
                // On the loop's own thread nothing runs between the wait and the closing.
                await withEventLoops(on: group) {
                    await withTaskGroup { tasks in
                        tasks.addTask { _ = try? await listener.accept() }
                        tasks.addTask {
                            listener.close()
                            let again = Result { try TCPListener.bind(to: listener.localAddress) }
                            #expect(throws: Never.self) { try again.get() }
                        }
                    }
                }
            }
            await group.shutdown()
        }
    }

    @Test("gives each of many connections to exactly one of many acceptors")
    func manyAcceptors() async throws {
        let count = 200
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let accepted = try await withThrowingTaskGroup(of: [SocketAddress?].self) { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    var peers: [SocketAddress?] = []
                    for await connection in listener {
                        peers.append(connection.remoteAddress)
                        try await connection.write("hello")
                    }
                    return peers
                }
            }
            var clients: [TCPConnection] = []
            for _ in 0..<count {
                clients.append(try await .connect(to: listener.localAddress))
            }
            for client in clients {
                #expect(try await client.read(exactly: 5) == Array("hello".utf8))
            }
            listener.close()
            let all = try await tasks.reduce(into: []) { $0 += $1 }
            #expect(Set(all) == Set(clients.map { $0.localAddress }))
            return all
        }
        #expect(accepted.count == count)
    }

    @Test("loses no connection to acceptors that are cancelled")
    func cancelledAcceptors() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        var random = SeededGenerator()
        for _ in 0..<300 {
            let accepting = Task { try await listener.accept() }
            let steady = Task { try await listener.accept() }
            async let connecting = TCPConnection.connect(to: listener.localAddress)
            if Bool.random(using: &random) { await Task.yield() }
            accepting.cancel()
            let client = try await connecting
            switch await accepting.result {
            case .success(let connection):
                #expect(connection.remoteAddress == client.localAddress)
                steady.cancel()
                await #expect(throws: CancellationError.self) { try await steady.value }
            case .failure:
                let connection = try await steady.value
                #expect(connection.remoteAddress == client.localAddress, "seed \(random.seed)")
            }
        }
    }

    @Test("survives clients that reset before they are accepted")
    func abortedConnections() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let port = listener.localAddress.port ?? 0
        for _ in 0..<20 {
            let peer = try #require(BlockingPeer(connectingTo: port))
            peer.resetOnClose()
        }
        let client = try await TCPConnection.connect(to: listener.localAddress)
        try await client.write("mine")
        for await connection in listener {
            // The kernel may hand out the dead ones; they fail by themselves only.
            if let bytes = try? await connection.read(exactly: 4) {
                #expect(bytes == Array("mine".utf8))
                break
            }
        }
    }

    @Test("resets the connections that were not accepted when it closes")
    func closingResetsTheBacklog() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let client = try await TCPConnection.connect(to: listener.localAddress)
        listener.close()
        #expect(await code { _ = try await client.read(atMost: 1) } == .connectionReset)
    }

    @Test("waits out a lack of descriptors and recovers", .enabled(if: ThreadSanitizer.isOff))
    func descriptorLimit() async {
        await #expect(processExitsWith: .success) {
            let listener = try TCPListener.bind(to: "127.0.0.1:0")
            let clients = try [
                #require(BlockingPeer(connectingTo: listener.localAddress.port ?? 0)),
                #require(BlockingPeer(connectingTo: listener.localAddress.port ?? 0)),
            ]
            // Exactly no descriptor is left.
            var hoard: [CInt] = []
            var limit = rlimit(rlim_cur: 256, rlim_max: 256)
            try #require(unsafe setrlimit(__rlimit_resource_t(7), &limit) == 0)
            while case let descriptor = dup(0), descriptor >= 0 { hoard.append(descriptor) }

            await #expect(throws: SocketError.self) {
                try await TCPConnection.connect(to: listener.localAddress)
            }
            async let accepted = [listener.accept(), listener.accept()]
            let before = clock()
            // On a thread: sleeping tasks want descriptors of the run-time.
            await onThread { _ = usleep(300_000) }
            // Backing off, not turning in circles.
            #expect(Double(clock() - before) / Double(CLOCKS_PER_SEC) < 0.15)
            for descriptor in hoard { Glibc.close(descriptor) }
            for connection in try await accepted { try await connection.write("late") }
            for client in clients { #expect(client.receive() == Array("late".utf8)) }
        }
    }

    @Test("shares its port with others only by option")
    func reusePort() async throws {
        let shared = ListenOptions(reusePort: true)
        let first = try TCPListener.bind(to: "127.0.0.1:0", options: shared)
        let second = try TCPListener.bind(to: first.localAddress, options: shared)
        #expect(second.localAddress == first.localAddress)
        #expect(await code { _ = try TCPListener.bind(to: first.localAddress) } == .addressInUse)
        withExtendedLifetime((first, second)) {}
    }

    @Test("binds both families to one port if the IPv6 socket takes IPv6 only")
    func dualStack() throws {
        // If the machine has no IPv6, there is nothing to test.
        guard let six = try? TCPListener.bind(to: "[::1]:0") else { return }
        let port = six.localAddress.port ?? 0
        let four = try TCPListener.bind(to: "127.0.0.1:\(port)")
        #expect(four.localAddress.port == port)
    }

    @Test("does not refuse a burst of clients that is not accepted yet")
    func backlog() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        var clients: [TCPConnection] = []
        for _ in 0..<500 { clients.append(try await .connect(to: listener.localAddress)) }
        for _ in 0..<500 { _ = try await listener.accept() }
        #expect(clients.count == 500)
    }
}
