import AsyncSockets
import Synchronization
import TestKit
import Testing

@Suite("A server that leaves", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct LeavingTests {
    /// A server that has room for few, and how its listener is made.
    enum Kind: CaseIterable {
        case oneLoop
        case twoLoops
        case sharded
        case unix

        func listener(
            on group: EventLoopGroup,
            in folder: TemporaryDirectory
        ) throws -> any StreamListener {
            switch self {
            case .unix: try UnixListener.bind(to: "unix:\(folder.path)/s", on: group)
            case .sharded: try shardedListener(on: group)
            default: try TCPListener.bind(to: "127.0.0.1:0", on: group)
            }
        }
    }

    @Test(
        "serves those who had connected and sent, never more at once than its limit",
        arguments: Kind.allCases,
        [1, 3]
    )
    func listenQueue(kind: Kind, limit: Int) async throws {
        let group = try EventLoopGroup(loops: kind == .oneLoop ? 1 : 2)
        let folder = TemporaryDirectory()
        let listener = try kind.listener(on: group, in: folder)
        try await leave(listener, limit)
        await group.shutdown()
    }

    private func leave<Listener: StreamListener>(_ listener: Listener, _ limit: Int) async throws {
        let counts = Mutex((now: 0, most: 0))
        let (begun, begins) = AsyncStream.makeStream(of: Void.self)
        let gate = AsyncStream.makeStream(of: Void.self)
        let options = ServeOptions(drain: .seconds(40), maximumConnections: limit)
        let begin = ContinuousClock.now
        let server = Task {
            try await serve(listener, options: options) { connection in
                counts.withLock {
                    $0.now += 1
                    $0.most = max($0.most, $0.now)
                }
                defer { counts.withLock { $0.now -= 1 } }
                begins.yield()
                // Until the server has been told to leave.
                for await _ in gate.stream { break }
                try await connection.write(try await connection.read(exactly: 1))
            }
        }
        let address = listener.localAddress
        let clients = try await withThrowingTaskGroup(of: StreamConnection.self) { tasks in
            for _ in 0..<10 {
                tasks.addTask {
                    let client: StreamConnection =
                        if address.family == .unix {
                            try await UnixConnection.connect(to: address)
                        } else {
                            try await TCPConnection.connect(to: address)
                        }
                    try await client.write("q")
                    return client
                }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        for await _ in begun { break }
        server.cancel()
        gate.continuation.finish()
        for client in clients {
            #expect(try await client.read(exactly: 1) == Array("q".utf8))
        }
        try await server.value
        #expect(ContinuousClock.now - begin < .seconds(40), "it did not wait for others to come")
        #expect(listener.isClosed)
        #expect(counts.withLock { $0.most } <= limit)
    }
}
