import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite("Control messages of all kinds", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UnixControlTests {
    @Test("never trap, leak or disturb the stream")
    func streamFuzz() async throws {
        var random = SeededGenerator()
        let seed = random.seed
        for round in 0..<40 {
            let traced = TracedDescriptor()
            let (peer, end) = rawPair(SOCK_STREAM)
            let server = try UnixConnection(adopting: end, receivesDescriptors: true)
            if round % 3 == 0 { try server.set(.receiveCredentials, to: true) }
            let writer = try OwnedDescriptor(adopting: traced.writer.detach())
            let sent = try sendJunk(of: writer, over: peer, using: &random).flatMap { $0 }
            var received: [UInt8] = []
            var kept: [OwnedDescriptor] = []
            while received.count < sent.count {
                let rest = sent.count - received.count
                do {
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: received += try await server.read(atMost: 3) ?? []
                    case 1:
                        let count = Int.random(in: 1...min(3, rest), using: &random)
                        let message = try await server.readWithDescriptors(exactly: count)
                        received += message.bytes
                        kept += message.descriptors
                    case 2:
                        let count = Int.random(in: 1...min(3, rest), using: &random)
                        received += try await server.read(exactly: count)
                    default: received += try await server.readWithDescriptors()?.bytes ?? []
                    }
                } catch let error as SocketError where error.code == .descriptorsLost {
                    // More than are held for a read; the bytes stay for the next one.
                    continue
                }
            }
            #expect(try await server.readWithDescriptors() == nil)
            #expect(received == sent, "seed \(seed)")
            kept = []
            writer.close()
            #expect(await eventually { traced.isClosedEverywhere }, "seed \(seed)")
        }
    }

    @Test("never trap, leak or disturb datagrams and packets", arguments: [false, true])
    func messageFuzz(packets: Bool) async throws {
        var random = SeededGenerator()
        let seed = random.seed
        for round in 0..<40 {
            let traced = TracedDescriptor()
            let (peer, end) = rawPair(packets ? SOCK_SEQPACKET : SOCK_DGRAM)
            let server: UnixMessageSocket =
                packets
                ? try UnixPacketConnection(adopting: end) : try UnixDatagramSocket(adopting: end)
            if round % 3 == 0 { try server.set(.receiveCredentials, to: true) }
            // SO_PASSPIDFD, if the kernel has it.
            if round % 4 == 0 { try? server.set(.integer(level: SOL_SOCKET, name: 76), to: 1) }
            let writer = try OwnedDescriptor(adopting: traced.writer.detach())
            let sent = try sendJunk(of: writer, over: peer, using: &random)
            var received: [[UInt8]] = []
            for _ in sent { received.append(try await receive(from: server, using: &random)) }
            #expect(received == sent, "seed \(seed)")
            writer.close()
            server.close()
            #expect(await eventually { traced.isClosedEverywhere }, "seed \(seed)")
        }
    }

    @Test(
        "that a process has no numbers left for are `.descriptorsLost`, and lose nothing else",
        .enabled(if: ThreadSanitizer.isOff)
    )
    func noNumberLeft() async {
        await #expect(processExitsWith: .success) {
            let (streamClient, streamServer) = try await unixPair(receivesDescriptors: true)
            let (packetClient, packetServer) = try await packetPair()
            let (datagramClient, datagramServer) = try UnixDatagramSocket.pair()
            let traced = TracedDescriptor()
            let three = [OwnedDescriptor](repeating: traced.writer, count: 3)
            try await streamClient.write("a", passing: three)
            try await streamClient.write("b", passing: three)
            try await streamClient.write("c")
            for text in ["lost", "lost", "whole"] {
                let passed = text == "lost" ? three : []
                try await packetClient.send(text, passing: passed)
                try await datagramClient.send(text, passing: passed)
            }
            var hoard: [CInt] = []
            var limit = rlimit(rlim_cur: 256, rlim_max: 256)
            try #require(unsafe setrlimit(__rlimit_resource_t(7), &limit) == 0)
            while case let descriptor = dup(0), descriptor >= 0 { hoard.append(descriptor) }
            // One number is left: a part arrives, and is closed.
            Glibc.close(hoard.removeLast())

            #expect(
                await code { _ = try await streamServer.readWithDescriptors() } == .descriptorsLost
            )
            let first = try #require(try await streamServer.readWithDescriptors())
            #expect(first.bytes == Array("a".utf8))
            #expect(first.descriptors.isEmpty)
            let both = await code { _ = try await streamServer.readWithDescriptors(exactly: 2) }
            #expect(both == .descriptorsLost)
            let rest = try await streamServer.readWithDescriptors(exactly: 2)
            #expect(rest.bytes == Array("bc".utf8))

            var buffer = [UInt8](repeating: 0, count: 8)
            var span = buffer.mutableSpan
            #expect(await code { _ = try await packetServer.receive() } == .descriptorsLost)
            await #expect(throws: SocketError.self) { try await packetServer.receive(into: &span) }
            #expect(try await packetServer.receive()?.bytes == Array("whole".utf8))
            #expect(await code { _ = try await datagramServer.receive() } == .descriptorsLost)
            await #expect(throws: SocketError.self) {
                try await datagramServer.receive(into: &span)
            }
            #expect(try await datagramServer.receive().bytes == Array("whole".utf8))

            // The number that was left is left.
            let last = dup(0)
            #expect(last >= 0)
            Glibc.close(last)
            for descriptor in hoard { Glibc.close(descriptor) }
            traced.writer.close()
            #expect(await traced.isClosed())
        }
    }

    // MARK: - Help

    /// A blocking socket, and the other end for the library to adopt.
    private func rawPair(_ type: __socket_type) -> (BlockingPeer, CInt) {
        var ends: [CInt] = [-1, -1]
        let type = CInt(type.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        #expect(unsafe socketpair(AF_UNIX, type, 0, &ends) == 0)
        return (BlockingPeer(owning: ends[0]), ends[1])
    }

    /// Sends a few messages with junk control data, some of them empty if that has a meaning, and
    /// returns those that the kernel took; then sends no more.
    private func sendJunk(
        of writer: OwnedDescriptor,
        over peer: BlockingPeer,
        using random: inout SeededGenerator
    ) throws -> [[UInt8]] {
        var sent: [[UInt8]] = []
        for _ in 0..<9 {
            let bytes = random.bytes(Int.random(in: 1...3, using: &random))
            let control = try writer.withDescriptor { junk($0, using: &random) }
            let result = sendRaw(bytes, control: control, on: peer.descriptor)
            if result == bytes.count { sent.append(bytes) }
        }
        shutdown(peer.descriptor, CInt(SHUT_WR))
        return sent
    }

    private func receive(
        from server: UnixMessageSocket,
        using random: inout SeededGenerator
    ) async throws -> [UInt8] {
        var buffer: [UInt8] = [0, 0, 0]
        var span = buffer.mutableSpan
        let intoBuffer = Bool.random(using: &random)
        var count: Int?
        if let server = server as? UnixPacketConnection {
            if !intoBuffer { return try await server.receive()?.bytes ?? [] }
            count = try await server.receive(into: &span)?.count
        } else if let server = server as? UnixDatagramSocket {
            if !intoBuffer { return try await server.receive().bytes }
            count = try await server.receive(into: &span).count
        }
        return Array(buffer.prefix(count ?? 0))
    }

    /// Control data of one to three messages: sound, of a wrong length, of another kind, noise.
    private func junk(_ descriptor: CInt, using random: inout SeededGenerator) -> [UInt8] {
        var control: [UInt8] = []
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                let count = [0, 1, 2, 30, 120, 253, 300].randomElement(using: &random)!
                control += rights([CInt](repeating: descriptor, count: count))
            case 2:
                let own = bytes(of: getpid()) + bytes(of: getuid()) + bytes(of: getgid())
                control += controlMessage(type: 2, data: own)
            case 3:
                let length = Int.random(in: 0...64, using: &random)
                let data = bytes(of: descriptor)
                control += controlMessage(type: 1, data: data, length: length)
            case 4:
                let type = CInt.random(in: -1...40, using: &random)
                control += controlMessage(type: type, data: random.bytes(12))
            default:
                control += random.bytes(Int.random(in: 0...40, using: &random))
            }
        }
        return control
    }
}
