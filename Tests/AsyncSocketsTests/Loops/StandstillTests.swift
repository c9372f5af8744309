import Glibc
import SocketSystem
import TestKit
import Testing

@testable import AsyncSockets

/// What must not keep the thread of a loop, whoever tries.
@Suite("A loop's thread", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct StandstillTests {
    /// How long a close would wait that waits.
    private static let patience: Duration = .seconds(30)

    /// A connected socket that lingers when it is closed: its peer takes no more of what was
    /// written.
    private struct Lingering {
        let number: CInt
        let peer: BlockingPeer

        init() async throws {
            let listener = try TCPListener.bind(
                to: "127.0.0.1:0",
                options: ListenOptions(socketOptions: [.set(.receiveBufferSize, 4096)])
            )
            let client = try await TCPConnection.connect(
                to: listener.localAddress,
                options: ConnectOptions(socketOptions: [.set(.linger, StandstillTests.patience)])
            )
            peer = BlockingPeer(owning: try await listener.accept().detach())
            let writing = await code {
                try await withTimeout(.milliseconds(50)) { try await client.write(clog) }
            }
            #expect(writing == .timedOut)
            number = try client.detach()
            listener.close()
        }
    }

    /// Runs a body on a loop; it, and all that it leaves behind, must be over long before a close
    /// that waits would be.
    private func expectNoStandstill(
        _ body: @escaping @Sendable (EventLoopGroup) async throws -> Void
    ) async throws {
        let group = try EventLoopGroup(loops: 1)
        let begin = ContinuousClock.now
        try await Task(executorPreference: group.taskExecutor) { try await body(group) }.value
        await Task(executorPreference: group.taskExecutor) {}.value
        await group.shutdown()
        #expect(ContinuousClock.now - begin < Self.patience / 2)
    }

    @Test("does not wait for the peer of a socket that lingers when it is closed")
    func lingeringClose() async throws {
        let lingering = try await Lingering()
        try await expectNoStandstill { group in
            try TCPConnection(adopting: lingering.number, on: group).close()
        }
    }

    @Test("nor when it is let go")
    func lingeringDeinit() async throws {
        let lingering = try await Lingering()
        try await expectNoStandstill { group in
            _ = try TCPConnection(adopting: lingering.number, on: group)
        }
    }

    @Test("nor when its group is shut down")
    func lingeringShutdown() async throws {
        let lingering = try await Lingering()
        try await expectNoStandstill { group in
            let connection = try TCPConnection(adopting: lingering.number, on: group)
            await group.shutdown()
            withExtendedLifetime(connection) {}
        }
    }

    @Test("nor when a handler of `serve` returns")
    func lingeringHandler() async throws {
        try await expectNoStandstill { group in
            let options = ListenOptions(socketOptions: [.set(.linger, Self.patience)])
            let listener = try TCPListener.bind(to: "127.0.0.1:0", options: options, on: group)
            let address = listener.localAddress
            let server = Task {
                try await serve(listener) { connection in
                    _ = try await connection.read(exactly: 1)
                    try? await withTimeout(.milliseconds(50)) { try await connection.write(clog) }
                    listener.close()
                }
            }
            let peer = BlockingPeer(connectingTo: address.port!, receiveBuffer: 4096)
            let client = try #require(peer)
            client.send([1])
            try await server.value
            withExtendedLifetime(client) {}
        }
    }

    @Test(
        "nor for what a peer has passed, taken and let go, or never taken",
        arguments: [false, true]
    )
    func lingeringPassed(isTaken: Bool) async throws {
        let lingering = try await Lingering()
        try await expectNoStandstill { group in
            let (ours, theirs) = try UnixConnection.pair(receivesDescriptors: true, on: group)
            do {
                let passed = OwnedDescriptor(adopting: lingering.number)
                try await theirs.write("x", passing: [passed])
            }
            if isTaken { _ = try await ours.readWithDescriptors() }
            ours.close()
            theirs.close()
        }
    }

    @Test("nor for a packet with a descriptor that nobody receives")
    func lingeringPacket() async throws {
        let lingering = try await Lingering()
        try await expectNoStandstill { group in
            let (ours, theirs) = try UnixPacketConnection.pair(on: group)
            do {
                let passed = OwnedDescriptor(adopting: lingering.number)
                try await theirs.send("x", passing: [passed])
            }
            ours.close()
            theirs.close()
        }
    }

    @Test("does not wait in accept(2), whoever makes a shared listener blocking")
    func blockingListener() async throws {
        let group = try EventLoopGroup(loops: 1)
        let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
        try listener.duplicateDescriptor().withDescriptor { number in
            #expect(fcntl(number, F_SETFL, fcntl(number, F_GETFL) & ~O_NONBLOCK) == 0)
        }
        let accepting = Task(executorPreference: group.taskExecutor) {
            try await listener.accept()
        }
        let client = try await TCPConnection.connect(to: listener.localAddress)
        #expect(try await accepting.value.remoteAddress == client.localAddress)
        let waiting = Task(executorPreference: group.taskExecutor) {
            try await withTimeout(.milliseconds(20)) { try await listener.accept() }
        }
        #expect(await code { _ = try await waiting.value } == .timedOut)
        listener.close()
        await group.shutdown()
    }

    @Test("that a handler blocks keeps no other client from being served")
    func blockedHandler() async throws {
        let group = try EventLoopGroup(loops: 2, backend: .epoll)
        let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
        let address = listener.localAddress
        let gate = ThreadGate()
        let (blocks, told) = AsyncStream.makeStream(of: Void.self)
        let server = Task {
            try await serve(listener) { connection in
                for try await chunk in connection {
                    if chunk == [0] {
                        told.yield()
                        #expect(gate.wait(atMost: .seconds(40)), "nobody was served meanwhile")
                    }
                    try await connection.write(chunk)
                }
            }
        }
        let blocker = try await TCPConnection.connect(to: address)
        try await blocker.write([0])
        for await _ in blocks { break }
        // Long enough for the loops to see which of them stands still.
        try await Task.sleep(for: .milliseconds(50))
        for _ in 0..<20 {
            let client = try await TCPConnection.connect(to: address)
            try await client.write([1])
            #expect(try await client.read(exactly: 1) == [1])
            client.close()
        }
        gate.open()
        #expect(try await blocker.read(exactly: 1) == [0])
        server.cancel()
        blocker.close()
        try await server.value
        await group.shutdown()
    }
}
