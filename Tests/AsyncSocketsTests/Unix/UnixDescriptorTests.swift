import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite("Descriptors over Unix sockets", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UnixDescriptorTests {
    @Test("arrive with the bytes they were sent with, close-on-exec, and the sender's stay open")
    func passing() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        try await client.write("take this", passing: [traced.writer])
        let message = try #require(try await server.readWithDescriptors())
        #expect(message.bytes == Array("take this".utf8))
        #expect(message.descriptors.count == 1)
        #expect(message.descriptors[0].isCloseOnExec)
        try message.descriptors[0].write("from the peer")
        #expect(traced.received() == "from the peer")
        try traced.writer.write("from us")
        #expect(traced.received() == "from us")
    }

    @Test("are closed if they are not taken: by a plain read, an unread stream, a dropped message")
    func nobodyTakesThem() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        try await client.write("a", passing: [traced.writer])
        #expect(try await server.read(atMost: 10) == [0x61])
        try await client.write("b", passing: [traced.writer, traced.writer])
        _ = try await server.readWithDescriptors()
        try await client.write("c", passing: [traced.writer])
        traced.writer.close()
        #expect(!traced.isClosedEverywhere, "it is under way")
        server.close()
        #expect(await eventually { traced.isClosedEverywhere })
    }

    @Test("do not make a plain reader miss what was sent behind them", arguments: [false, true])
    func readsPastDescriptors(onLoops: Bool) async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        for _ in 0..<20 {
            try await client.write("ab", passing: [traced.writer])
            try await client.write("cd")
            try await client.write("ef", passing: [traced.writer])
        }
        try client.shutdown(.write)
        let all =
            onLoops
            ? try await withEventLoops { try await server.readToEnd() }
            : try await server.readToEnd()
        #expect(all == (0..<20).flatMap { _ in Array("abcdef".utf8) })
    }

    @Test("of several messages stay with their bytes, in order")
    func severalMessages() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = (0..<3).map { _ in TracedDescriptor() }
        for (index, one) in traced.enumerated() {
            try await client.write("\(index)", passing: [one.writer, traced[0].writer])
        }
        try await client.write("end")
        for index in 0..<3 {
            let message = try await server.readWithDescriptors(exactly: 1)
            #expect(message.bytes == Array("\(index)".utf8))
            #expect(message.descriptors.count == 2)
            try message.descriptors[0].write("x")
            #expect(traced[index].received() == "x")
        }
        let rest = try await server.readWithDescriptors(exactly: 3)
        #expect(rest.descriptors.isEmpty)
    }

    @Test("stay for the next read if the stream ends too early")
    func endsTooEarly() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        try await client.write("ab", passing: [traced.writer])
        client.close()
        let early = await code { _ = try await server.readWithDescriptors(exactly: 3) }
        #expect(early == .unexpectedEndOfStream)
        let message = try #require(try await server.readWithDescriptors())
        #expect(message.bytes == Array("ab".utf8))
        #expect(message.descriptors.count == 1)
        #expect(try await server.readWithDescriptors() == nil)
    }

    @Test("are at most 253 for one message; more is an error that sends nothing")
    func limit() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        let many = [OwnedDescriptor](repeating: traced.writer, count: 254)
        #expect(await code { try await client.write("x", passing: many) } == .limitExceeded)
        try await client.write("y", passing: Array(many.dropLast()))
        let message = try #require(try await server.readWithDescriptors())
        #expect(message.bytes == Array("y".utf8))
        #expect(message.descriptors.count == UnixMessage.maximumDescriptors)
    }

    @Test("need a byte to go with, and must be open")
    func misuse() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        let alone = await code { try await client.write("", passing: [traced.writer]) }
        #expect(alone == .invalidArgument)
        let closed = try OwnedDescriptor(duplicating: 0)
        closed.close()
        let gone = await code { try await client.write("x", passing: [traced.writer, closed]) }
        #expect(gone == .badDescriptor)
        #expect(await code { _ = try OwnedDescriptor(duplicating: 100_000) } == .badDescriptor)
        try await client.write("z", passing: [])
        #expect(try await server.read(exactly: 1) == Array("z".utf8))
    }

    @Test("go with a large message once, before its last byte")
    func largeMessage() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        let bytes = [UInt8](repeating: 7, count: 4 * 1024 * 1024)
        async let sent: Void = client.write(bytes, passing: [traced.writer])
        let message = try await server.readWithDescriptors(exactly: bytes.count)
        try await sent
        #expect(message.bytes == bytes)
        #expect(message.descriptors.count == 1)
    }

    @Test("of a connection and a listener work in other hands")
    func socketsTravel() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let directory = TemporaryDirectory()
        let listener = try UnixListener.bind(to: try directory.address())
        let tcp = try TCPListener.bind(to: "127.0.0.1:0")
        let (near, far) = try UnixConnection.pair()
        try await client.write(
            "three",
            passing: [
                try listener.duplicateDescriptor(), try tcp.duplicateDescriptor(),
                try far.duplicateDescriptor(),
            ]
        )
        far.close()
        let passed = try await server.readWithDescriptors(exactly: 5).descriptors
        let otherListener = try passed[0].handOver { number throws(SocketError) in
            try UnixListener(adopting: number)
        }
        let otherTCP = try passed[1].handOver { number throws(SocketError) in
            try TCPListener(adopting: number)
        }
        let otherFar = try passed[2].handOver { number throws(SocketError) in
            try UnixConnection(adopting: number)
        }
        async let unixClient = UnixConnection.connect(to: listener.localAddress)
        #expect(try await otherListener.accept().remoteAddress == .unixUnnamed)
        _ = try await unixClient
        async let tcpClient = TCPConnection.connect(to: tcp.localAddress)
        let accepted = try await otherTCP.accept()
        #expect(try await tcpClient.localAddress == accepted.remoteAddress)
        try await otherFar.write("hello")
        #expect(try await near.read(exactly: 5) == Array("hello".utf8))
    }

    @Test("have one owner")
    func ownership() async throws {
        let descriptor = try OwnedDescriptor(duplicating: 0)
        try descriptor.withDescriptor { number in
            #expect(throws: SocketError.self) { try descriptor.detach() }
            descriptor.close()
            #expect(fcntl(number, F_GETFD) >= 0, "it is closed behind its last use")
        }
        #expect(descriptor.isClosed)
        #expect(throws: SocketError.self) { try descriptor.withDescriptor { $0 } }
        #expect(throws: SocketError.self) { try descriptor.detach() }
        descriptor.close()
        let other = try OwnedDescriptor(duplicating: 0)
        let taken = try other.detach()
        #expect(fcntl(taken, F_GETFD) >= 0)
        Glibc.close(taken)
        let third = TracedDescriptor()
        #expect(throws: SocketError.self) {
            _ = try third.writer.handOver { number throws(SocketError) -> TCPListener in
                try TCPListener(adopting: number)
            }
        }
        #expect(await third.isClosed())
    }
}
