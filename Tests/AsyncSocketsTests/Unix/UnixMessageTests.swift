import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite("Unix packets and datagrams", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UnixMessageTests {
    @Test("are received into memory of the caller's, cut if they do not fit")
    func packetsIntoBuffer() async throws {
        let (client, server) = try await packetPair()
        let traced = TracedDescriptor()
        try await client.send("hello", passing: [traced.writer])
        try await client.send("")
        try await client.send("far too long")
        client.close()
        var buffer = [UInt8](repeating: 0, count: 8)
        var span = buffer.mutableSpan
        let first = try #require(try await server.receive(into: &span))
        #expect((first.count, first.length, first.truncated) == (5, 5, false))
        #expect(first.descriptors.count == 1)
        #expect(first.descriptors[0].isCloseOnExec)
        let empty = try #require(try await server.receive(into: &span), "it is no end")
        #expect((empty.count, empty.descriptors.count) == (0, 0))
        let long = try #require(try await server.receive(into: &span))
        #expect((long.count, long.length, long.truncated) == (8, 12, true))
        #expect(try await server.receive(into: &span) == nil)
        #expect(buffer == Array("far too ".utf8))
    }

    @Test("are received into memory of the caller's with their source")
    func datagramsIntoBuffer() async throws {
        let server = try UnixDatagramSocket.bind(to: .unixUnnamed)
        let client = try UnixDatagramSocket.bind(to: .unixUnnamed)
        let address = try #require(server.localAddress)
        var buffer = [UInt8](repeating: 0, count: 4)
        var span = buffer.mutableSpan
        for text in ["", "abcd", "abcdef"] {
            try await client.send(text, to: address)
            let header = try await server.receive(into: &span)
            #expect(header.source == client.localAddress)
            #expect(header.length == text.utf8.count)
            #expect(header.count == min(4, text.utf8.count))
        }
        #expect(buffer == Array("abcd".utf8))
    }

    @Test("bring all that a message can carry at once, whichever way they are received")
    func everythingAtOnce() async throws {
        let (client, server) = try UnixDatagramSocket.pair()
        let traced = TracedDescriptor()
        try server.set(.receiveCredentials, to: true)
        // SO_PASSPIDFD, since Linux 6.5.
        let hasPidfd = (try? server.set(.integer(level: SOL_SOCKET, name: 76), to: 1)) != nil
        let most = [OwnedDescriptor](
            repeating: traced.writer,
            count: UnixMessage.maximumDescriptors
        )
        try await client.send("x", passing: most)
        try await client.send("x", passing: most)
        let message = try await server.receive()
        #expect(message.descriptors.count == 253)
        #expect(message.credentials?.processID == getpid())
        #expect((message.sender != nil) == hasPidfd)
        var buffer: [UInt8] = [0]
        var span = buffer.mutableSpan
        let header = try await server.receive(into: &span)
        #expect(header.descriptors.count == 253)
        #expect(header.credentials == message.credentials)
        #expect((header.sender != nil) == hasPidfd)
    }

    @Test("have options, also of packets, which have each sender")
    func options() async throws {
        let (client, server) = try await packetPair()
        try await client.send("before")
        #expect(try await server.receive()?.credentials == nil)
        #expect(try !server.get(.receiveCredentials))
        try server.set(.receiveCredentials, to: true)
        #expect(try server.get(.receiveCredentials))
        try await client.send("after")
        let credentials = try #require(try await server.receive()?.credentials)
        #expect(credentials.processID == getpid())
        #expect(credentials.userID == getuid())
        #expect(credentials.groupID == getgid())
        server.close()
        #expect(await code { try server.set(.receiveCredentials, to: true) } == .closed)
    }

    @Test("go on over the descriptor that is taken out of a packet connection")
    func detaching() async throws {
        let (client, server) = try await packetPair()
        let again = try UnixPacketConnection(adopting: server.detach())
        #expect(server.isClosed)
        #expect(await code { _ = try server.detach() } == .closed)
        try await client.send("")
        try await client.send("x")
        #expect(try await again.receive()?.bytes == [])
        #expect(try await again.receive()?.bytes == [0x78])
    }

    @Test("go to the peer that a datagram socket is connected to, and come from it alone")
    func connecting() async throws {
        let sockets = try (0..<3).map { _ in try UnixDatagramSocket.bind(to: .unixUnnamed) }
        let addresses = try sockets.map { try #require($0.localAddress) }
        try await sockets[1].send("early", to: addresses[0])
        try sockets[0].connect(to: addresses[1])
        #expect(sockets[0].remoteAddress == addresses[1])
        #expect(try await sockets[0].receive().bytes == Array("early".utf8))
        try await sockets[0].send("to the peer")
        #expect(try await sockets[1].receive().bytes == Array("to the peer".utf8))
        let stranger = await code { try await sockets[2].send("x", to: addresses[0]) }
        #expect(stranger == .permissionDenied)
        try sockets[0].connect(to: addresses[2])
        try await sockets[0].send("to the next")
        #expect(try await sockets[2].receive().source == addresses[0])
        try sockets[0].disconnect()
        try sockets[0].disconnect()
        #expect(sockets[0].remoteAddress == nil)
        #expect(await code { try await sockets[0].send("x") } == .notConnected)
        try await sockets[1].send("anybody", to: addresses[0])
        #expect(try await sockets[0].receive().bytes == Array("anybody".utf8))
    }

    @Test("have no peer if a datagram socket cannot be connected")
    func failedConnecting() async throws {
        let socket = try UnixDatagramSocket.bind(to: .unixUnnamed)
        let directory = TemporaryDirectory()
        let listener = try UnixListener.bind(to: try directory.address())
        let other = await code { try socket.connect(to: listener.localAddress) }
        #expect(other == .errno(EPROTOTYPE))
        #expect(await code { try socket.connect(to: "127.0.0.1:1") } == .wrongAddressFamily)
        #expect(await code { try socket.connect(to: "unix:/nowhere/at/all") } == .noSuchFile)
        #expect(socket.remoteAddress == nil)
        socket.close()
        #expect(await code { try socket.disconnect() } == .closed)
    }

    @Test("are served: each client of packets in a task of its own, drained at the end")
    func serving() async throws {
        let listener = try UnixPacketListener.bind(to: .unixUnnamed)
        let address = listener.localAddress
        let server = Task {
            try await listener.serve { connection in
                for try await packet in connection { try await connection.send(packet.bytes) }
            }
        }
        let clients = try await withThrowingTaskGroup(of: UnixPacketConnection.self) { tasks in
            for index in 0..<20 {
                tasks.addTask {
                    let client = try await UnixPacketConnection.connect(to: address)
                    for packet in [Array("client \(index)".utf8), []] {
                        try await client.send(packet)
                        #expect(try await client.receive()?.bytes == packet)
                    }
                    return client
                }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        server.cancel()
        try await server.value
        for client in clients { #expect(try await client.receive() == nil) }
        #expect(listener.isClosed)
    }

    @Test("of a client whose handler fails are told to `clientFailed`, and others are served on")
    func failedHandler() async throws {
        let listener = try UnixPacketListener.bind(to: .unixUnnamed)
        let (failures, continuation) = AsyncStream.makeStream(of: SocketError.Code?.self)
        let server = Task {
            try await listener.serve(
                clientFailed: { _, error in continuation.yield((error as? SocketError)?.code) }
            ) { connection in
                guard let packet = try await connection.receive() else { return }
                if packet.bytes.isEmpty { throw SocketErrorSource.error }
                try await connection.send(packet.bytes)
            }
        }
        let bad = try await UnixPacketConnection.connect(to: listener.localAddress)
        try await bad.send("")
        var iterator = failures.makeAsyncIterator()
        #expect(await iterator.next() == .some(.invalidAddress))
        #expect(try await bad.receive() == nil)
        let good = try await UnixPacketConnection.connect(to: listener.localAddress)
        try await good.send("x")
        #expect(try await good.receive()?.bytes == [0x78])
        server.cancel()
        try await server.value
    }
}

/// Errors of the library, which cannot be made from outside.
private enum SocketErrorSource {
    static var error: any Error {
        do {
            _ = try SocketAddress("no address")
            return CancellationError()
        } catch {
            return error
        }
    }
}
