import Glibc
import SocketReactor
import TestKit
import Testing

@testable import AsyncSockets

@Suite("A TCP connection", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct TCPStreamTests {
    @Test("does what every stream does", arguments: StreamCheck.all)
    func conforms(_ check: StreamCheck) async throws {
        try await check.run { try await tcpPair() }
    }

    @Test("does what every stream does on the event loops", arguments: StreamCheck.all)
    func conformsOnLoops(_ check: StreamCheck) async throws {
        try await withEventLoops { try await check.run { try await tcpPair() } }
    }

    @Test("does so on the main actor, too", arguments: StreamCheck.all)
    @MainActor
    func conformsOnMainActor(_ check: StreamCheck) async throws {
        try await check.run { try await tcpPair() }
    }

    @Test("knows its addresses, and the peer's after its end")
    func addresses() async throws {
        let (client, server) = try await tcpPair()
        #expect(client.localAddress == server.remoteAddress)
        #expect(client.remoteAddress == server.localAddress)
        let peer = client.remoteAddress
        client.close()
        #expect(client.remoteAddress == peer)
    }

    @Test("takes a limit without end, also for what an earlier read has left")
    func largestLimit() async throws {
        let (client, server) = try await tcpPair()
        try await client.write("a\nbcd")
        try client.shutdown(.write)
        var lines: [String] = []
        for try await line in server.lines(limit: .max) { lines.append(line) }
        #expect(lines == ["a", "bcd"])
    }

    @Test("has options that can be read and set while it is open")
    func options() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        #expect(try listener.get(.reuseAddress))
        async let accepted = listener.accept()
        let client = try await TCPConnection.connect(to: listener.localAddress)
        let server = try await accepted
        for connection in [client, server] { #expect(try connection.get(.noDelay)) }
        try client.set(.noDelay, to: false)
        #expect(try !client.get(.noDelay))
        #expect(try server.get(.tcpInfo).sendMaximumSegmentSize > 0)
        client.close()
        #expect(await code { _ = try client.get(.noDelay) } == .closed)
        #expect(await code { try client.set(.noDelay, to: true) } == .closed)
    }

    @Test("tells a reset from an end")
    func resetIsAnError() async throws {
        let (client, server) = try await tcpPair()
        client.reset()
        #expect(client.isClosed)
        #expect(await code { _ = try await server.read(atMost: 1) } == .connectionReset)
        #expect(await code { try await client.write("x") } == .closed)
    }

    @Test("wakes a reader and a clogged writer when the peer resets")
    func resetWakesBoth() async throws {
        // Many times: the kernel tells the reset once, to whichever of the two comes first.
        for _ in 0..<30 {
            let (client, server) = try await tcpPair()
            async let reading = code { _ = try await server.read(atMost: 1) }
            async let writing = code { try await server.write(clog) }
            #expect(await eventually { server.bytesWritten > 0 })
            client.reset()
            #expect(await reading == .connectionReset)
            let written = await writing
            #expect(written == .connectionReset || written == .brokenPipe)
            // Shutting a dead connection down is an error, not a trap.
            _ = await code { try server.shutdown(.write) }
        }
    }

    @Test("is not ended but reset for a reader, whichever call was told of the reset")
    func resetToldToAnother() async throws {
        for _ in 0..<2 {
            let (client, server) = try await tcpPair()
            client.reset()
            #expect(await eventually { (try? server.get(.error)) == .connectionReset })
            #expect(try server.get(.error) == nil)
            for _ in 0..<2 {
                #expect(await code { _ = try await server.read(atMost: 1) } == .connectionReset)
            }
        }
    }

    @Test("is ended for a reader if both have finished, also while our end is being sent")
    func endWhileFinishing() async throws {
        let (client, server) = try await tcpPair()
        try client.shutdown(.write)
        try server.shutdown(.write)
        // The last acknowledgement closes the socket as a reset would.
        #expect(await eventually { (try? server.get(.tcpInfo).state) == .closed })
        guard server.registration.tryLock(.write) else {
            Issue.record("the writer's turn cannot be had")
            return
        }
        #expect(try await server.read(atMost: 1) == nil)
        server.registration.end(.write, leaving: .unknown)
    }

    @Test("reads past urgent data without stopping at it")
    func outOfBandData() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let peer = try #require(BlockingPeer(connectingTo: listener.localAddress.port ?? 0))
        let connection = try await listener.accept()
        async let received = connection.readToEnd()
        for _ in 0..<100 {
            peer.send(Array("in".utf8))
            peer.send([0x21], flags: CInt(MSG_OOB))
            peer.send(Array("band".utf8))
        }
        peer.finishSending()
        let text = String(decoding: try await received, as: UTF8.self)
        #expect(text.filter { $0 != "!" } == String(repeating: "inband", count: 100))
    }

    @Test("gives its descriptor away and takes it back")
    func detachAndAdopt() async throws {
        let (client, server) = try await tcpPair()
        try await server.write("before\nafter")
        #expect(try await client.read(until: [10]) == Array("before\n".utf8))
        let kept = client.unreadBytes
        let descriptor = try client.detach()
        #expect(client.isClosed)
        #expect(await code { _ = try await client.read(atMost: 1) } == .closed)

        let adopted = try TCPConnection(adopting: descriptor)
        #expect(adopted.remoteAddress == server.localAddress)
        try await server.write("!")
        let rest = try await adopted.read(exactly: 6 - kept.count)
        #expect(kept + rest == Array("after!".utf8))
        try await adopted.write("back")
        #expect(try await server.read(exactly: 4) == Array("back".utf8))
    }

    @Test("does not give its descriptor away under a read")
    func detachWhileReading() async throws {
        let (client, server) = try await tcpPair()
        await withTaskGroup(of: SocketError.Code?.self) { tasks in
            for _ in 0..<2 {
                tasks.addTask { await code { _ = try await client.read(atMost: 1) } }
            }
            // One of the two lost, so the other one is reading.
            #expect(await tasks.next() == .busy)
            #expect(await code { _ = try client.detach() } == .busy)
            try? await server.write("x")
            #expect(await tasks.next() == .some(nil))
        }
    }

    @Test("adopts nothing that is no connected TCP socket, and leaves it open")
    func adoptsOnlyConnections() async throws {
        let unconnected = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        let datagram = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        let local = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        let file = unsafe open("/dev/null", O_RDONLY)
        for descriptor in [unconnected, datagram, local, file] {
            #expect(await code { _ = try TCPConnection(adopting: descriptor) } != nil)
            #expect(fcntl(descriptor, F_GETFD) >= 0, "was closed")
            Glibc.close(descriptor)
        }
        #expect(await code { _ = try TCPConnection(adopting: -1) } != nil)
    }

    @Test("takes fifty thousand bytes in one-byte segments to the byte")
    func oneByteSegments() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let port = listener.localAddress.port ?? 0
        let sender = Task {
            await onThread {
                var random = SeededGenerator(seed: 1)
                guard let peer = BlockingPeer(connectingTo: port) else { return false }
                return random.bytes(50_000).allSatisfy { peer.send([$0]) }
            }
        }
        let received = try await listener.accept().readToEnd()
        var random = SeededGenerator(seed: 1)
        #expect(received == random.bytes(50_000))
        #expect(await sender.value)
    }
}
