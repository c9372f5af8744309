import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite(
    "Descriptors that a read did not hand out",
    .descriptorsBalanced,
    .fewAtOnce,
    .endsHangs
)
struct UnixKeptDescriptorTests {
    /// A read that has taken "ab" and a descriptor from the kernel and was cancelled.
    private func interrupted(
        _ body: (UnixConnection, UnixConnection, TracedDescriptor) async throws -> Void
    ) async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        try await client.write("ab", passing: [traced.writer])
        traced.writer.close()
        let reading = Task { try await server.readWithDescriptors(exactly: 3) }
        #expect(await eventually { server.unreadBytes.count == 2 })
        reading.cancel()
        await #expect(throws: CancellationError.self) { try await reading.value }
        #expect(!traced.isClosedEverywhere)
        try await body(client, server, traced)
    }

    @Test("are closed with the bytes that a plain read takes, and go with no later message")
    func plainReadTakesThem() async throws {
        try await interrupted { client, server, traced in
            #expect(try await server.read(exactly: 1) == Array("a".utf8))
            #expect(!traced.isClosedEverywhere, "a byte that it came with is still here")
            #expect(try await server.read(exactly: 1) == Array("b".utf8))
            #expect(await traced.isClosed())
            try await client.write("cd")
            let later = try await server.readWithDescriptors(exactly: 2)
            #expect(later.bytes == Array("cd".utf8))
            #expect(later.descriptors.isEmpty)
        }
        try await interrupted { client, server, traced in
            var iterator = server.makeAsyncIterator()
            let chunk = try await iterator.next()
            #expect(chunk == Array("ab".utf8))
            #expect(await traced.isClosed())
        }
        try await interrupted { client, server, traced in
            var buffer: [UInt8] = [0, 0, 0]
            var span = buffer.mutableSpan
            let count = try await server.read(into: &span)
            #expect(count == 2)
            #expect(await traced.isClosed())
        }
    }

    @Test("go with the first of their bytes that a read with descriptors takes")
    func laterReadTakesThem() async throws {
        try await interrupted { client, server, traced in
            let first = try await server.readWithDescriptors(exactly: 1)
            #expect(first.descriptors.count == 1)
            let second = try await server.readWithDescriptors(exactly: 1)
            #expect(second.bytes == Array("b".utf8))
            #expect(second.descriptors.isEmpty)
        }
    }

    @Test("are closed with the connection, and with one whose descriptor is taken out")
    func endOfConnection() async throws {
        try await interrupted { client, server, traced in
            server.close()
            #expect(await traced.isClosed())
            #expect(server.unreadBytes == Array("ab".utf8))
        }
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        do {
            try await client.write("ab", passing: [traced.writer])
            traced.writer.close()
            client.close()
            let early = await code { _ = try await server.readWithDescriptors(exactly: 3) }
            #expect(early == .unexpectedEndOfStream)
        }
        let taken = OwnedDescriptor(adopting: try server.detach())
        #expect(await eventually { traced.isClosedEverywhere })
        taken.close()
    }

    @Test("are there for the body after a plain read of the header in front of it")
    func headerThenBody() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        for _ in 0..<3 {
            try await client.write("head")
            try await client.write("body", passing: [traced.writer])
        }
        #expect(try await server.read(exactly: 4) == Array("head".utf8))
        let body = try await server.readWithDescriptors(exactly: 4)
        #expect(body.bytes == Array("body".utf8))
        #expect(body.descriptors.count == 1)
        #expect(try await server.read(until: Array("d".utf8)) == Array("head".utf8))
        #expect(try await server.readWithDescriptors(exactly: 4).descriptors.count == 1)
        // Of no message more is read than was asked for.
        let head = try await server.readWithDescriptors(exactly: 4)
        #expect(head.bytes == Array("head".utf8))
        #expect(head.descriptors.isEmpty)
        #expect(try await server.readWithDescriptors(exactly: 4).descriptors.count == 1)
    }

    @Test("are no more than one message can carry, however many a peer sends")
    func floodIsBounded() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        let hundred = [OwnedDescriptor](repeating: traced.writer, count: 100)
        for _ in 0..<4 { try await client.write("x", passing: hundred) }
        let lost = await code { _ = try await server.readWithDescriptors(exactly: 4) }
        #expect(lost == .descriptorsLost)
        let message = try #require(try await server.readWithDescriptors())
        #expect(message.bytes == Array("xxx".utf8))
        #expect(message.descriptors.count == 200, "those of the third message were closed")
        let last = try #require(try await server.readWithDescriptors())
        #expect(last.descriptors.count == 100, "and the next one is whole again")
        traced.writer.close()
    }

    @Test("are bounded for plain reads as well, which report nothing")
    func floodOfPlainRead() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        let traced = TracedDescriptor()
        let hundred = [OwnedDescriptor](repeating: traced.writer, count: 100)
        for _ in 0..<6 { try await client.write("x", passing: hundred) }
        try await client.write("\n")
        #expect(try await server.read(until: [0x0a]) == Array("xxxxxx\n".utf8))
        traced.writer.close()
        #expect(await traced.isClosed())
    }
}

@Suite(
    "The sender of a Unix stream's bytes",
    .descriptorsBalanced,
    .fewAtOnce,
    .endsHangs
)
struct UnixStreamCredentialTests {
    @Test("is told by both reads with descriptors, if it is asked for")
    func credentials() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        try await client.write("x")
        #expect(try await server.readWithDescriptors()?.credentials == nil)
        try server.set(.receiveCredentials, to: true)
        try await client.write("x")
        #expect(try await server.readWithDescriptors()?.credentials?.processID == getpid())
        try await client.write("xy")
        for _ in 0..<2 {
            let message = try await server.readWithDescriptors(exactly: 1)
            #expect(message.credentials?.processID == getpid())
            #expect(message.credentials?.userID == getuid())
            #expect(message.credentials?.groupID == getgid())
        }
        try await client.write("a plain read is not disturbed")
        #expect(try await server.read(exactly: 29).count == 29)
        try await client.write("more")
        try client.shutdown(.write)
        #expect(try await server.readToEnd() == Array("more".utf8))
    }

    @Test("stays with bytes that an interrupted read has kept")
    func credentialsStayWithKeptBytes() async throws {
        let (client, server) = try await unixPair(receivesDescriptors: true)
        try server.set(.receiveCredentials, to: true)
        try await client.write("ab")
        client.close()
        let early = await code { _ = try await server.readWithDescriptors(exactly: 3) }
        #expect(early == .unexpectedEndOfStream)
        let message = try #require(try await server.readWithDescriptors())
        #expect(message.credentials?.processID == getpid())
    }

    @Test("is unknown if two processes have sent them", .enabled(if: Foreign.hasPython))
    func twoSendersAreNobody() async throws {
        let directory = TemporaryDirectory()
        let listener = try UnixListener.bind(
            to: try directory.address(),
            options: ListenOptions(receivesDescriptors: true)
        )
        let script = """
            import os, socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1] + "/socket")
            s.recv(1)
            for text in [b"ab", b"cd"]:
                s.sendall(text)
                if os.fork() == 0:
                    s.sendall(text.upper())
                    os._exit(0)
                os.wait()
            """
        async let output = Foreign.python(script, in: directory)
        let server = try await listener.accept()
        try server.set(.receiveCredentials, to: true)
        // Not before: the kernel notes the sender only while a socket asks for it.
        try await server.write("!")
        let parent = try await server.readWithDescriptors(exactly: 2)
        let child = try await server.readWithDescriptors(exactly: 2)
        #expect(parent.bytes + child.bytes == Array("abAB".utf8))
        let both = try await server.readWithDescriptors(exactly: 4)
        #expect(both.bytes == Array("cdCD".utf8))
        #expect(both.credentials == nil, "no one process sent it")
        #expect(await output == "")
        let first = try #require(parent.credentials)
        let second = try #require(child.credentials)
        #expect(first.processID != second.processID)
        #expect(first.userID == second.userID)
    }
}
