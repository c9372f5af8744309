import SocketReactor
import Synchronization
import TestKit
import Testing

@testable import AsyncSockets

/// What `serve` does for the task that it gives a connection to.
@Suite("The owner of a connection", .descriptorsBalanced, .endsHangs)
struct OwnershipTests {
    @Test("stays the owner where a listener gives the same connection out twice")
    func connectionGivenOutTwice() async throws {
        let (client, connection) = try await tcpPair()
        let group = try EventLoopGroup(loops: 1)
        let served = try TCPConnection(adopting: connection.detach(), on: group)
        let listener = Repeating(served)
        let handlers = Atomic<Int>(0)
        let (second, secondEnds) = AsyncStream<Void>.makeStream()
        let (chunks, arrived) = AsyncStream<[UInt8]?>.makeStream()
        let server = Task {
            try await serve(listener, on: group) { connection in
                if handlers.add(1, ordering: .sequentiallyConsistent).oldValue == 0 {
                    var iterator = connection.makeAsyncIterator()
                    arrived.yield(try await iterator.next())
                } else {
                    for await _ in second {}
                }
            }
        }
        listener.give()
        #expect(await eventually { served.registration.isLocked(.read) })
        listener.give()
        #expect(await eventually { handlers.load(ordering: .sequentiallyConsistent) == 2 })
        try await client.write("hello")
        var iterator = chunks.makeAsyncIterator()
        #expect(await iterator.next() == Array("hello".utf8))
        secondEnds.finish()
        listener.close()
        try await server.value
        await group.shutdown()
    }

    @Test("cannot lend what spares it a handler: another task's wait is cancelled with that task")
    func iteratorInAnotherTask() async throws {
        let (client, connection) = try await tcpPair()
        connection.registration.own()
        defer { connection.registration.disown() }
        let iterator = connection.makeAsyncIterator()
        let reader = Task { [iterator] in
            var iterator = iterator
            return try await iterator.next(isolation: nil)
        }
        #expect(await eventually { connection.registration.isLocked(.read) })
        reader.cancel()
        let rescue = Task {
            try await Task.sleep(for: .milliseconds(300))
            connection.close()
        }
        await withKnownIssue("to ask each time which task waits costs more than a handler") {
            await #expect(throws: CancellationError.self) { try await reader.value }
        }
        rescue.cancel()
        client.close()
    }

    @Test("is woken once, whoever closes, cancels or sends meanwhile", arguments: [1, 2])
    func wokenOnceInEveryRace(loops: Int) async throws {
        let group = try EventLoopGroup(loops: loops)
        let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
        let address = listener.localAddress
        let ends = Atomic<Int>(0)
        let server = Task {
            try await serve(listener, options: ServeOptions(drain: .zero), on: group) {
                connection in
                defer { ends.add(1, ordering: .relaxed) }
                let closing = Task.detached { connection.close() }
                // With a limit, which the loop keeps, and without.
                if connection.remoteAddress!.port!.isMultiple(of: 2) {
                    try? await withTimeout(.seconds(300)) { for try await _ in connection {} }
                } else {
                    for try await _ in connection {}
                }
                await closing.value
            }
        }
        for _ in 0..<300 {
            let client = try await TCPConnection.connect(to: address)
            try? await client.write("x")
            client.close()
        }
        #expect(await eventually { ends.load(ordering: .relaxed) == 300 })
        server.cancel()
        try await server.value
        await group.shutdown()
    }
}

/// A listener that gives one connection as often as it is told to.
private final class Repeating: StreamListener {
    struct AsyncIterator: AsyncIteratorProtocol {
        mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(Never) -> StreamConnection? { nil }
    }

    private let connection: StreamConnection
    private let gifts = AsyncStream<Void>.makeStream()

    init(_ connection: StreamConnection) { self.connection = connection }

    var localAddress: SocketAddress { connection.localAddress ?? .unixUnnamed }
    var isClosed: Bool { false }
    var failure: SocketError? { nil }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator() }

    func give() { gifts.continuation.yield() }

    func accept() async throws -> StreamConnection {
        for await _ in gifts.stream { return connection }
        throw SocketError(.accept, code: .closed)
    }

    func close() { gifts.continuation.finish() }
}
