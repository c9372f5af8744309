import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite("A Unix stream connection", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UnixStreamTests {
    @Test("does what every stream does", arguments: StreamCheck.all)
    func conforms(_ check: StreamCheck) async throws {
        try await check.run { try await unixPair() }
    }

    @Test("made by `pair()` does what every stream does", arguments: StreamCheck.all)
    func pairConforms(_ check: StreamCheck) async throws {
        try await withEventLoops { try await check.run { try UnixConnection.pair() } }
    }

    @Test("may be refused, missing or of another kind, and leaks nothing")
    func failedConnects() async throws {
        let directory = TemporaryDirectory()
        let missing = try directory.address("missing")
        #expect(await code { _ = try await UnixConnection.connect(to: missing) } == .noSuchFile)
        let dead = try directory.address("dead")
        #expect(RawUnixSocket(SOCK_STREAM).bind(to: directory.file("dead")) == 0)
        let refused = await code { _ = try await UnixConnection.connect(to: dead) }
        #expect(refused == .connectionRefused)
        let packets = try UnixPacketListener.bind(to: try directory.address("packets"))
        let other = await code { _ = try await UnixConnection.connect(to: packets.localAddress) }
        #expect(other == .errno(EPROTOTYPE))
        let ip = await code { _ = try await UnixConnection.connect(to: "127.0.0.1:1") }
        #expect(ip == .wrongAddressFamily)
        #expect(await code { _ = try UnixListener.bind(to: "127.0.0.1:0") } == .wrongAddressFamily)
    }

    @Test("waits for room in the listener's queue, and can be cancelled meanwhile")
    func fullBacklog() async throws {
        let listener = try UnixListener.bind(
            to: .unixUnnamed,
            options: ListenOptions(backlog: 1)
        )
        let address = listener.localAddress
        // The kernel takes one more than the backlog says.
        var early: [UnixConnection] = []
        for _ in 0..<2 { early.append(try await UnixConnection.connect(to: address)) }
        let hopeless = Task { try await UnixConnection.connect(to: address) }
        let patient = Task { try await UnixConnection.connect(to: address) }
        hopeless.cancel()
        await #expect(throws: CancellationError.self) { try await hopeless.value }
        for connection in early {
            let accepted = try await listener.accept()
            try await accepted.write("hello")
            #expect(try await connection.read(exactly: 5) == Array("hello".utf8))
        }
        let accepted = try await listener.accept()
        try await accepted.write("hello")
        #expect(try await patient.value.read(exactly: 5) == Array("hello".utf8))
    }

    @Test("of a hundred clients at once, each is served once")
    func manyClients() async throws {
        let listener = try UnixListener.bind(to: .unixUnnamed, options: ListenOptions(backlog: 4))
        let server = Task {
            try await serve(listener) { connection in
                for try await chunk in connection { try await connection.write(chunk) }
            }
        }
        let address = listener.localAddress
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for index in 0..<100 {
                tasks.addTask {
                    let connection = try await UnixConnection.connect(to: address)
                    let text = Array("client \(index)".utf8)
                    try await connection.write(text)
                    #expect(try await connection.read(exactly: text.count) == text)
                }
            }
            try await tasks.waitForAll()
        }
        server.cancel()
        try await server.value
    }

    @Test("`serve(at:)` serves a path, and the file is gone afterwards")
    func serving() async throws {
        let directory = TemporaryDirectory()
        let path = directory.file("socket")
        let (addresses, continuation) = AsyncStream.makeStream(of: SocketAddress.self)
        let server = Task {
            try await serve(at: "unix:\(path)") {
                continuation.yield($0)
            } _: { connection in
                for try await chunk in connection { try await connection.write(chunk) }
            }
        }
        var iterator = addresses.makeAsyncIterator()
        let address = try #require(await iterator.next())
        #expect(address.unixPath == path)
        let client = try await UnixConnection.connect(to: address)
        try await client.write("ping")
        #expect(try await client.read(exactly: 4) == Array("ping".utf8))
        server.cancel()
        try await server.value
        #expect(!fileExists(path))
        #expect(try await client.readToEnd() == [])
    }

    @Test("of `serve(at:)` refuses descriptors if the system can, and misses no byte either way")
    func refusedDescriptors() async throws {
        let canRefuse = kernelRefusesDescriptors
        let (addresses, continuation) = AsyncStream.makeStream(of: SocketAddress.self)
        let server = Task {
            try await serve(at: "unix:") {
                continuation.yield($0)
            } _: { connection in
                try await connection.write(try await connection.read(exactly: 1))
                // From now on they are wanted, and plain reads must look out for them again.
                if canRefuse { try connection.set(.receiveDescriptors, to: true) }
                try await connection.write("!")
                for try await chunk in connection { try await connection.write(chunk) }
            }
        }
        var iterator = addresses.makeAsyncIterator()
        let address = try #require(await iterator.next())
        let client = try await UnixConnection.connect(to: address)
        let traced = TracedDescriptor()
        let refused = await code { try await client.write("x", passing: [traced.writer]) }
        #expect(refused == (canRefuse ? .errno(EPERM) : nil))
        if canRefuse { try await client.write("x") }
        #expect(try await client.read(exactly: 2) == Array("x!".utf8))
        for _ in 0..<20 {
            try await client.write("a", passing: [traced.writer])
            try await client.write("b")
        }
        let echo = try await client.read(exactly: 40)
        #expect(echo == (0..<20).flatMap { _ in Array("ab".utf8) })
        server.cancel()
        try await server.value
    }

    @Test("knows the peer's identity")
    func credentials() async throws {
        let (client, server) = try await unixPair()
        for connection in [client, server] {
            let credentials = try connection.peerCredentials
            #expect(credentials.processID == getpid())
            #expect(credentials.userID == getuid())
            #expect(credentials.groupID == getgid())
            _ = try connection.peerGroups
        }
        do {
            let process = try client.peerProcessDescriptor()
            #expect(process.isCloseOnExec)
            try process.withDescriptor { number in
                var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
                #expect(unsafe poll(&entry, 1, 0) == 0, "this process has not ended")
            }
        } catch let error as SocketError where error.code == .notSupported {
            // Before Linux 6.5.
        }
        client.close()
        #expect(throws: SocketError.self) { try client.peerCredentials }
    }

    @Test("can be adopted, and what is no Unix stream cannot")
    func adopting() async throws {
        var ends: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        #expect(unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0)
        let first = try UnixConnection(adopting: ends[0])
        let second = try UnixConnection(adopting: ends[1])
        try await first.write("x")
        #expect(try await second.read(atMost: 1) == [0x78])
        let packets = RawUnixSocket(SOCK_SEQPACKET)
        #expect(throws: SocketError.self) { try UnixConnection(adopting: packets.descriptor) }
        #expect(throws: SocketError.self) { try UnixListener(adopting: packets.descriptor) }
        let idle = RawUnixSocket(SOCK_STREAM)
        #expect(throws: SocketError.self) { try UnixListener(adopting: idle.descriptor) }
        #expect(fcntl(idle.descriptor, F_GETFD) >= 0, "it is left open")
    }
}
