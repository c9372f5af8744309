import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite("A Unix packet connection", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UnixPacketTests {
    @Test("keeps message boundaries, empty packets among them", arguments: [false, true])
    func boundaries(onLoops: Bool) async throws {
        let (client, server) = try await packetPair()
        let packets: [[UInt8]] = [[1], [], [2, 3], [], [], [UInt8](repeating: 4, count: 100_000)]
        for packet in packets { try await client.send(packet) }
        try await client.send("text")
        client.close()
        let collect = {
            var received: [[UInt8]] = []
            for try await packet in server { received.append(packet.bytes) }
            return received
        }
        let received =
            onLoops ? try await withEventLoops { try await collect() } : try await collect()
        #expect(received == packets + [Array("text".utf8)])
        #expect(try await server.receive() == nil, "the end is sticky")
    }

    @Test("echoes what it gets, of every size up to the largest")
    func echoesEverySize() async throws {
        let (client, server) = try UnixPacketConnection.pair()
        let echo = Task {
            for try await packet in server { try await server.send(packet.bytes) }
        }
        var random = SeededGenerator()
        for size in [0, 1, 63, 4095, 4096, 65_535, 65_536, 65_537, 131_072, 200_000] {
            let packet = random.bytes(size)
            try await client.send(packet)
            #expect(try await client.receive()?.bytes == packet)
        }
        try client.shutdown(.write)
        try client.shutdown(.write)
        try await echo.value
        server.close()
        #expect(try await client.receive() == nil)
    }

    @Test("refuses a packet that can never be sent")
    func tooLarge() async throws {
        let (client, _) = try UnixPacketConnection.pair()
        let packet = [UInt8](repeating: 0, count: 64 * 1024 * 1024)
        #expect(await code { try await client.send(packet) } == .messageTooLong)
    }

    @Test("waits with sending until the peer has read, and can be cancelled meanwhile")
    func cloggedSendWaits() async throws {
        let (client, server) = try await packetPair()
        let packet = [UInt8](repeating: 1, count: 50_000)
        let sender = Task {
            for _ in 0..<100 { try await client.send(packet) }
        }
        for _ in 0..<100 { #expect(try await server.receive()?.bytes.count == packet.count) }
        try await sender.value
        let clogged = Task { while true { try await client.send(packet) } }
        clogged.cancel()
        await #expect(throws: CancellationError.self) { try await clogged.value }
    }

    @Test("ends its operations when it is closed, and when the peer is gone")
    func closingEndsOperations() async throws {
        let (client, server) = try UnixPacketConnection.pair()
        let waiting = Task { await code { _ = try await server.receive() } }
        let cancelled = Task { try await server.receive() }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        server.close()
        #expect(await waiting.value == .closed)
        #expect(await code { try await client.send("x") } == .brokenPipe)
        client.close()
        #expect(await code { try await client.send("x") } == .closed)
        #expect(await code { try client.shutdown(.write) } == .closed)
        #expect(client.isClosed)
    }

    /// The ways to receive a packet; its bytes, or nil at the end.
    enum Verb: CaseIterable {
        case receive, iterate, intoSpan

        func next(_ connection: UnixPacketConnection) async throws -> [UInt8]? {
            switch self {
            case .receive: return try await connection.receive()?.bytes
            case .iterate:
                var packets = connection.makeAsyncIterator()
                return try await packets.next()?.bytes
            case .intoSpan:
                var bytes = [UInt8](repeating: 0, count: 100)
                var span = bytes.mutableSpan
                guard let header = try await connection.receive(into: &span) else { return nil }
                return Array(bytes[..<header.count])
            }
        }
    }

    @Test(
        "tells a reset behind the packets that had arrived, and each time",
        arguments: Verb.allCases,
        0..<3
    )
    func resetBehindPackets(verb: Verb, told: Int) async throws {
        let (client, server) = try await packetPair()
        // Closed with unread packets, a Unix socket resets its peer.
        try await client.send("unread")
        for packet in ["answer", "", "last"] { try await server.send(packet) }
        server.close()
        // The kernel tells it once, to whichever call comes first. A socket with unread packets is
        // closed on a thread apart, so that may take a moment.
        switch told {
        case 1:
            let send = { await code { try await client.send("x") } }
            #expect(await eventually { await send() == .connectionReset })
        case 2: #expect(await eventually { (try? client.get(.error)) == .connectionReset })
        default: break
        }
        for packet in ["answer", "", "last"] {
            #expect(try await verb.next(client) == Array(packet.utf8))
        }
        for verb in [verb, verb] + Verb.allCases {
            #expect(await code { _ = try await verb.next(client) } == .connectionReset)
        }
        #expect(await code { try await client.send("x") } == .brokenPipe)
    }

    @Test("knows an empty packet from the end, whatever options are set", arguments: [false, true])
    func emptyPacketIsNoEnd(byNumber: Bool) async throws {
        let (client, server) = try UnixPacketConnection.pair()
        if byNumber {
            try server.set(.integer(level: SOL_SOCKET, name: SO_TIMESTAMPNS), to: 0)
        } else {
            try server.set(.receiveTimestamps, to: false)
        }
        try await client.send([])
        try await client.send([1])
        client.close()
        #expect(try await server.receive()?.bytes == [])
        #expect(try await server.receive()?.bytes == [1])
        #expect(try await server.receive() == nil)
    }

    @Test("passes descriptors and knows the peer")
    func descriptors() async throws {
        let (client, server) = try await packetPair()
        let traced = TracedDescriptor()
        try await client.send("", passing: [traced.writer])
        let message = try #require(try await server.receive())
        #expect(message.bytes == [])
        try message.descriptors[0].write("hello")
        #expect(traced.received() == "hello")
        #expect(try server.peerCredentials.processID == getpid())
        let many = [OwnedDescriptor](repeating: traced.writer, count: 254)
        #expect(await code { try await client.send("x", passing: many) } == .limitExceeded)
    }

    @Test("listener is a sequence that ends when it is closed")
    func listener() async throws {
        let directory = TemporaryDirectory()
        let listener = try UnixPacketListener.bind(to: try directory.address())
        let server = Task {
            var count = 0
            for await connection in listener {
                try await connection.send("hello")
                count += 1
            }
            return count
        }
        for _ in 0..<3 {
            let client = try await UnixPacketConnection.connect(to: listener.localAddress)
            #expect(try await client.receive()?.bytes == Array("hello".utf8))
        }
        listener.close()
        #expect(try await server.value == 3)
        #expect(!fileExists(directory.file("socket")))
    }
}

@Suite("A Unix datagram socket", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UnixDatagramTests {
    @Test("sends to names and answers to sources, empty datagrams among them")
    func echo() async throws {
        let directory = TemporaryDirectory()
        let server = try UnixDatagramSocket.bind(to: try directory.address("server"))
        let client = try UnixDatagramSocket.bind(to: try directory.address("client"))
        let echo = Task {
            for try await datagram in server {
                try await server.send(datagram.bytes, to: datagram.source)
            }
        }
        let address = try directory.address("server")
        var random = SeededGenerator()
        for size in [0, 1, 64, 65_536, 150_000] {
            let bytes = random.bytes(size)
            try await client.send(bytes, to: address)
            let answer = try await client.receive()
            #expect(answer.bytes == bytes)
            #expect(answer.source == server.localAddress)
        }
        server.close()
        #expect(await code { try await echo.value } == .closed)
        let gone = await code { try await client.send("x", to: try directory.address("server")) }
        #expect(gone == .noSuchFile)
    }

    @Test("that is not bound has no name; autobind gives it one")
    func names() async throws {
        let server = try UnixDatagramSocket.bind(to: .unixUnnamed)
        let address = try #require(server.localAddress)
        #expect(address.unixAbstractName?.count == 5, "autobind makes five hexadecimal digits")
        let unnamed = try await UnixDatagramSocket.connect(to: address)
        try await unnamed.send("who am I")
        #expect(try await server.receive().source.isUnixUnnamed)
        let named = try await UnixDatagramSocket.connect(
            to: address,
            options: ConnectOptions(localAddress: .unixUnnamed)
        )
        try await named.send("and now")
        let datagram = try await server.receive()
        #expect(datagram.source == named.localAddress)
        try await server.send("you are you", to: datagram.source)
        #expect(try await named.receive().bytes == Array("you are you".utf8))
    }

    @Test("waits while the receiver's queue is full, and loses nothing", arguments: [false, true])
    func fullQueue(connected: Bool) async throws {
        let server = try UnixDatagramSocket.bind(to: .unixUnnamed)
        let address = try #require(server.localAddress)
        let client =
            connected
            ? try await UnixDatagramSocket.connect(to: address)
            : try UnixDatagramSocket.bind(to: .unixUnnamed)
        let count: UInt32 = 500
        let sender = Task {
            for index in 0..<count {
                try await client.send(bytes(of: index), to: connected ? nil : address)
            }
        }
        for index in 0..<count {
            #expect(try await server.receive().bytes == bytes(of: index))
        }
        try await sender.value
        let endless = Task {
            while true { try await client.send("x", to: connected ? nil : address) }
        }
        endless.cancel()
        await #expect(throws: CancellationError.self) { try await endless.value }
    }

    @Test("has the sender of each datagram, if it is asked for")
    func credentials() async throws {
        let (client, server) = try UnixDatagramSocket.pair()
        try await client.send("before")
        #expect(try await server.receive().credentials == nil)
        try server.set(.receiveCredentials, to: true)
        #expect(try server.get(.receiveCredentials))
        try await client.send("after")
        let credentials = try #require(try await server.receive().credentials)
        #expect(credentials.processID == getpid())
        #expect(credentials.userID == getuid())
        #expect(credentials.groupID == getgid())
    }

    @Test("gives a pidfd of each sender, if it is asked for")
    func processDescriptors() async throws {
        let (client, server) = try UnixDatagramSocket.pair()
        do {
            // SO_PASSPIDFD, since Linux 6.5.
            try server.set(.integer(level: SOL_SOCKET, name: 76), to: 1)
        } catch {
            return
        }
        let traced = TracedDescriptor()
        try await client.send("x", passing: [traced.writer])
        let message = try await server.receive()
        #expect(message.descriptors.count == 1)
        #expect(message.sender?.isCloseOnExec == true)
    }

    @Test("passes descriptors, which are closed if they are not taken")
    func descriptors() async throws {
        let (client, server) = try UnixDatagramSocket.pair()
        let traced = TracedDescriptor()
        try await client.send("x", passing: [traced.writer, traced.writer])
        #expect(try await server.receive().descriptors.count == 2)
        try await client.send("y", passing: [traced.writer])
        traced.writer.close()
        server.close()
        #expect(await eventually { traced.isClosedEverywhere })
    }

    @Test("can be adopted, connected or not")
    func adopting() async throws {
        let raw = RawUnixSocket(SOCK_DGRAM)
        let directory = TemporaryDirectory()
        #expect(raw.bind(to: directory.file("socket")) == 0)
        let socket = try UnixDatagramSocket(adopting: dup(raw.descriptor))
        #expect(socket.remoteAddress == nil)
        let client = try await UnixDatagramSocket.connect(to: try directory.address())
        try await client.send("hello")
        #expect(try await socket.receive().bytes == Array("hello".utf8))
        #expect(client.remoteAddress == socket.localAddress)
        socket.close()
        #expect(fileExists(directory.file("socket")), "another made the file")
    }
}
