import Glibc
import Synchronization
import TestKit
import Testing

@testable import AsyncSockets
@testable import SocketReactor

@Suite("Event loops", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct EventLoopTests {
    @Test("that a program blocks do not stop the others")
    func blockedLoop() async throws {
        let group = try EventLoopGroup(loops: 2)
        let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
        // A socket joins the loop with the fewest, if that does not stand still: each has one soon.
        var (peers, connections): ([BlockingPeer], [TCPConnection]) = ([], [])
        while Set(connections.map { ObjectIdentifier($0.registration.loop) }).count < 2 {
            peers.append(try #require(BlockingPeer(connectingTo: listener.localAddress.port ?? 0)))
            connections.append(try await listener.accept())
        }
        let (gate, isBlocked) = (Gate(), Gate())
        let blocker = Task(executorPreference: group.taskExecutor) {
            isBlocked.open()
            // Blocks its loop's thread, as a program should not.
            gate.waitBlocking()
        }
        while !isBlocked.isOpen { await Task.yield() }
        let answered = Counter()
        await withDiscardingTaskGroup { tasks in
            for connection in connections {
                tasks.addTask {
                    if (try? await connection.read(exactly: 5)) != nil { answered.increment() }
                }
            }
            for peer in peers { #expect(peer.send(Array("hello".utf8))) }
            _ = await eventually { answered.value > 0 }
            #expect(answered.value > 0)
            gate.open()
        }
        await blocker.value
        #expect(answered.value == connections.count)
        await group.shutdown()
    }

    @Test("that shut down close their sockets and wake their waiters")
    func shutdown() async throws {
        let group = try EventLoopGroup(loops: 2)
        let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
        let (client, server) = try await tcpPair(on: group)
        let peer = try #require(BlockingPeer(connectingTo: listener.localAddress.port ?? 0))
        let quiet = try await listener.accept()
        async let accepting = code { _ = try await listener.accept() }
        async let reading = code { _ = try await quiet.read(atMost: 1) }
        async let writing = code { try await server.write(clog) }
        async let sleeping = code {
            try await withTimeout(.seconds(3600), on: group) {
                _ = try await server.read(atMost: 1)
            }
        }
        #expect(await eventually { server.bytesWritten > 0 })
        await group.shutdown()
        #expect(await accepting == .closed)
        #expect(await reading == .closed)
        // The other end of this pair closed as well, and may have been first.
        let ends: Set<SocketError.Code?> = [.closed, .connectionReset, .brokenPipe]
        #expect(ends.contains(await writing))
        #expect(ends.contains(await sleeping))
        withExtendedLifetime((client, peer)) {}
        await group.shutdown()
        #expect(await code { _ = try TCPListener.bind(to: "127.0.0.1:0", on: group) } == .closed)
    }

    @Test("that shut down under a running task let it go on elsewhere")
    func shutdownFromWithin() async throws {
        let group = try EventLoopGroup(loops: 2)
        let result = await Task(executorPreference: group.taskExecutor) {
            await group.shutdown()
            await Task.yield()
            return 42
        }.value
        #expect(result == 42)
    }

    @Test("that shut down are not kept by a task that yields again and again")
    func shutdownUnderYielding() async throws {
        let group = try EventLoopGroup(loops: 1)
        let started = Counter()
        let spinner = Task(executorPreference: group.taskExecutor) {
            while !Task.isCancelled {
                started.increment()
                await Task.yield()
            }
        }
        #expect(await eventually { started.value > 0 })
        await group.shutdown()
        spinner.cancel()
        await spinner.value
    }

    @Test("let others have their turn while one connection's peer never stops")
    func fairness() async throws {
        let group = try EventLoopGroup(loops: 1)
        let (greedy, flooder) = try await tcpPair(on: group)
        let (modest, asker) = try await tcpPair()
        let flood = Task {
            let much = [UInt8](repeating: 1, count: 256 * 1024)
            while true { try await flooder.write(much) }
        }
        let servers = Task(executorPreference: group.taskExecutor) {
            await withTaskGroup { tasks in
                tasks.addTask {
                    // Small reads: there is always more.
                    while (try? await greedy.read(atMost: 16)) != nil {}
                }
                tasks.addTask {
                    for _ in 0..<100 {
                        guard let asked = try? await modest.read(atMost: 16) else { return }
                        try? await modest.write(asked)
                    }
                }
            }
        }
        for _ in 0..<100 {
            try await asker.write("?")
            #expect(try await asker.read(exactly: 1) == Array("?".utf8))
        }
        flood.cancel()
        greedy.close()
        _ = await flood.result
        await servers.value
        await group.shutdown()
    }

    @Test("without a reference end their threads with their last socket")
    func retire() async throws {
        var group: EventLoopGroup? = try EventLoopGroup(loops: 3)
        let pair = try await tcpPair(on: #require(group))
        weak let executor = group?.taskExecutor.map { $0 as AnyObject }
        group = nil
        try await pair.server.write("still there")
        #expect(try await pair.client.read(exactly: 11) == Array("still there".utf8))
        #expect(executor != nil)
        pair.client.close()
        pair.server.close()
        #expect(await eventually { executor == nil })
    }

    @Test("run child tasks on their threads, and leave the main actor alone")
    func placement() async throws {
        let group = try EventLoopGroup(loops: 1)
        let names = await withEventLoops(on: group) {
            await withTaskGroup { tasks in
                for _ in 0..<4 { tasks.addTask { currentThreadName() } }
                return await tasks.reduce(into: [currentThreadName()]) { $0.append($1) }
            }
        }
        #expect(Set(names) == ["sockets-0"])
        await group.shutdown()
    }

    @Test("serve an actor's reads as well")
    func actors() async throws {
        actor Reader {
            let connection: TCPConnection
            var count = 0
            init(_ connection: TCPConnection) { self.connection = connection }
            func run() async throws {
                for try await chunk in connection { count += chunk.count }
            }
        }
        let (client, server) = try await tcpPair()
        let reader = Reader(client)
        async let done: Void = reader.run()
        for _ in 0..<100 { try await server.write("0123456789") }
        try server.shutdown(.write)
        try await done
        #expect(await reader.count == 1000)
    }
}

private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .acquiring) }
    func increment() { count.wrappingAdd(1, ordering: .releasing) }
}

/// Blocks a thread until it is opened.
private final class Gate: Sendable {
    private let state = Atomic<Bool>(false)
    var isOpen: Bool { state.load(ordering: .acquiring) }
    func open() { state.store(true, ordering: .releasing) }
    func waitBlocking() { while !isOpen { usleep(1000) } }
}
