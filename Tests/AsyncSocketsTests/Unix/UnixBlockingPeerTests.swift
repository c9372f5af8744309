import AsyncSockets
import TestKit
import Testing

/// Against `Tests/Peers/unix.c`, a program of blocking calls. If there is no C compiler, the tests
/// do nothing.
@Suite(
    "Unix messages and blocking C programs",
    .descriptorsBalanced,
    .fewAtOnce,
    .endsHangs,
    .enabled(if: Foreign.hasCompiler)
)
struct UnixBlockingPeerTests {
    let directory = TemporaryDirectory()

    /// The command that runs the program, compiled.
    private func compiled() async throws -> String {
        let file = directory.file("program")
        let source = peerSource("unix.c")
        let output = await Foreign.output(of: "cc -O1 -o '\(file)' '\(source)' 2>&1")
        #expect(output == "")
        return "exec timeout 50 '\(file)'"
    }

    @Test("packets and descriptors come back to a C client")
    func packetServer() async throws {
        let program = try await compiled()
        let listener = try UnixPacketListener.bind(to: try directory.address())
        async let said = Foreign.output(
            of: "\(program) ask seqpacket '\(directory.file("socket"))' 2>&1"
        )
        let connection = try await listener.accept()
        for try await packet in connection {
            try await connection.send(packet.bytes, passing: packet.descriptors)
        }
        #expect(await said == "ok\n")
    }

    @Test("datagrams and descriptors come back to a C client")
    func datagramServer() async throws {
        let program = try await compiled()
        let socket = try UnixDatagramSocket.bind(to: try directory.address())
        let server = Task { try await socket.echo() }
        let said = await Foreign.output(
            of: "\(program) ask datagram '\(directory.file("socket"))' 2>&1"
        )
        #expect(said == "ok\n")
        socket.close()
        _ = await server.result
    }

    private let sizes = [1, 0, 4096, 100_000, 0, 9]

    @Test("a C server sends packets and descriptors back")
    func packetClient() async throws {
        let program = try await compiled()
        async let said = Foreign.output(
            of: "\(program) echo seqpacket '\(directory.file("socket"))' 7 2>&1"
        )
        var made: UnixPacketConnection?
        // It binds first, and listens a moment later.
        #expect(
            await eventually {
                made = try? await UnixPacketConnection.connect(to: directory.address())
                return made != nil
            }
        )
        let client = try #require(made)
        var random = SeededGenerator()
        for size in sizes {
            let packet = random.bytes(size)
            try await client.send(packet)
            #expect(try await client.receive()?.bytes == packet)
        }
        let traced = TracedDescriptor()
        try await client.send("take", passing: [traced.writer])
        let message = try #require(try await client.receive())
        try message.descriptors[0].write("through")
        #expect(traced.received() == "through")
        #expect(try await client.receive() == nil)
        #expect(await said == "")
    }

    @Test("a C server sends datagrams and descriptors back")
    func datagramClient() async throws {
        let program = try await compiled()
        let there = try directory.address()
        async let said = Foreign.output(
            of: "\(program) echo datagram '\(directory.file("socket"))' 7 2>&1"
        )
        #expect(await eventually { fileExists(directory.file("socket")) })
        let client = try UnixDatagramSocket.bind(to: try directory.address("client"))
        var random = SeededGenerator()
        for size in sizes {
            let datagram = random.bytes(size)
            try await client.send(datagram, to: there)
            let answer = try await client.receive()
            #expect(answer.bytes == datagram && answer.source == there)
        }
        let traced = TracedDescriptor()
        try await client.send("take", to: there, passing: [traced.writer])
        try await client.receive().descriptors[0].write("through")
        #expect(traced.received() == "through")
        #expect(await said == "")
    }
}
