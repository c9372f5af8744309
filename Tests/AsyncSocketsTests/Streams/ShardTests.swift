import AsyncSockets
import Glibc
internal import Synchronization
import TestKit
import Testing

private final class Counter: Sendable {
    let value = Atomic<Int>(0)
}

@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct ShardTests {
    private func echo(_ connection: TCPConnection) async throws {
        for try await chunk in connection { try await connection.write(chunk) }
    }

    private func roundTrip(to address: SocketAddress, on group: EventLoopGroup) async throws {
        let connection = try await TCPConnection.connect(to: address, on: group)
        try await connection.write("ping")
        #expect(try await connection.read(exactly: 4) == [UInt8]("ping".utf8))
    }

    @Test("one loop over a sharded listener takes the connections of all its sockets")
    func oneSequence() async throws {
        let group = try EventLoopGroup(loops: 3)
        let listener = try shardedListener(on: group)
        let server = Task {
            await withDiscardingTaskGroup { clients in
                for await connection in listener {
                    clients.addTask { try? await self.echo(connection) }
                }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { clients in
            for _ in 0..<200 {
                clients.addTask { try await roundTrip(to: listener.localAddress, on: group) }
            }
            try await clients.waitForAll()
        }
        listener.close()
        await server.value
    }

    @Test("several tasks accept from a sharded listener; each connection goes to one of them")
    func severalAcceptors() async throws {
        let group = try EventLoopGroup(loops: 2)
        let listener = try shardedListener(on: group)
        let count = 64
        let accepted = Counter()
        await withDiscardingTaskGroup { tasks in
            for _ in 0..<4 {
                tasks.addTask {
                    for await _ in listener {
                        let total = accepted.value.wrappingAdd(1, ordering: .relaxed).newValue
                        if total == count { listener.close() }
                    }
                }
            }
            for _ in 0..<count {
                tasks.addTask {
                    _ = try? await TCPConnection.connect(to: listener.localAddress, on: group)
                }
            }
        }
        #expect(accepted.value.load(ordering: .relaxed) == count)
    }

    @Test("cancelling ends an accept, and no connection is lost by that")
    func cancelling() async throws {
        let group = try EventLoopGroup(loops: 2)
        let listener = try shardedListener(on: group)
        for _ in 0..<50 {
            let accepting = Task { try await listener.accept() }
            async let client = TCPConnection.connect(to: listener.localAddress, on: group)
            accepting.cancel()
            if (try? await accepting.value) == nil { _ = try await listener.accept() }
            _ = try await client
        }
    }

    @Test("what nobody waits for stays with the kernel, though the last who did runs late")
    func acceptsNoMoreThanWanted() async throws {
        let group = try EventLoopGroup(loops: 2)
        let acceptors = try EventLoopGroup(loops: 1)
        let listener = try shardedListener(on: group)
        let accepting = Task(executorPreference: acceptors.taskExecutor) {
            try await listener.accept()
        }
        // Until the sockets are accepted from.
        for _ in 0..<50 { try await Task.sleep(for: .milliseconds(1)) }
        // It cannot go on before its thread is free.
        let blocker = Task(executorPreference: acceptors.taskExecutor) { _ = usleep(500_000) }
        var clients: [TCPConnection] = []
        for _ in 0..<4 {
            clients.append(try await TCPConnection.connect(to: listener.localAddress, on: group))
            try await Task.sleep(for: .milliseconds(20))
        }
        await blocker.value
        _ = try await accepting.value
        var pending = 0
        for socket in try listener.duplicateDescriptors() {
            // Nobody else accepts: what is there the kernel has.
            let other = try TCPListener(adopting: socket.detach(), on: group)
            while let taken = try? await withTimeout(
                .milliseconds(50),
                { try await other.accept() }
            ) {
                taken.close()
                pending += 1
            }
        }
        #expect(pending == clients.count - 1)
    }

    @Test("a connection that comes as the listener closes is closed, too")
    func closingWhileAccepting() async throws {
        let group = try EventLoopGroup(loops: 2)
        for _ in 0..<300 {
            let listener = try shardedListener(on: group)
            let address = listener.localAddress
            let accepting = Task { try? await listener.accept() }
            let connecting = Task { try? await TCPConnection.connect(to: address, on: group) }
            let client = await connecting.value
            listener.close()
            let taken = await accepting.value
            taken?.close()
            // Reset or closed, by the listener or the kernel.
            if let client {
                do {
                    _ = try await withTimeout(.seconds(60)) { try await client.read(atMost: 1) }
                } catch let error as SocketError where error.code == .timedOut {
                    Issue.record("a connection that nobody has was left open")
                } catch {}
            }
            withExtendedLifetime(listener) {}
        }
    }

    @Test("closing a sharded listener wakes the acceptors, and frees the address")
    func closing() async throws {
        let group = try EventLoopGroup(loops: 2)
        let options = ListenOptions(shards: .perLoop)
        let listener = try TCPListener.bind(to: "127.0.0.1:0", options: options, on: group)
        let accepting = Task { try await listener.accept() }
        listener.close()
        await #expect { try await accepting.value } throws: {
            ($0 as? SocketError)?.code == .closed
        }
        #expect(listener.isClosed)
        // A task may just be checking a socket for readiness, and close it afterwards.
        #expect(
            await eventually {
                (try? TCPListener.bind(to: listener.localAddress, on: group)) != nil
            }
        )
    }

    @Test("a sharded listener does not share its address with one that is not")
    func addressInUse() async throws {
        let group = try EventLoopGroup(loops: 2)
        let plain = try TCPListener.bind(to: "127.0.0.1:0", on: group)
        let error = #expect(throws: SocketError.self) {
            try TCPListener.bind(
                to: plain.localAddress,
                options: ListenOptions(shards: .perLoop),
                on: group
            )
        }
        #expect(error?.code == .addressInUse)
    }

    @Test(
        "serve takes the clients of every shard, at most so many at once",
        arguments: [ListenShards.perLoop, .perLoopByProcessor]
    )
    func serving(shards: ListenShards) async throws {
        let group = try EventLoopGroup(loops: 2, pinned: true)
        let listener = try TCPListener.bind(
            to: "127.0.0.1:0",
            options: ListenOptions(shards: shards),
            on: group
        )
        let now = Counter()
        let most = Counter()
        let server = Task {
            let options = ServeOptions(maximumConnections: 3)
            try await serve(listener, options: options, on: group) { connection in
                let count = now.value.wrappingAdd(1, ordering: .relaxed).newValue
                most.value.max(count, ordering: .relaxed)
                try await connection.write(connection.read(exactly: 4))
                now.value.wrappingSubtract(1, ordering: .relaxed)
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { clients in
            for _ in 0..<100 {
                clients.addTask { try await roundTrip(to: listener.localAddress, on: group) }
            }
            try await clients.waitForAll()
        }
        server.cancel()
        try await server.value
        #expect(most.value.load(ordering: .relaxed) <= 3)
    }
}
