import AsyncSockets
import Synchronization
import TestKit

/// A server with limits, and clients of every kind, until it is told to leave at some moment.
struct ServerProgram {
    let world: World

    /// What the handlers and the clients share.
    private final class Room: Sendable {
        let active = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let isLeaving = Atomic<Bool>(false)

        func enter() {
            most.max(active.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
        }
        func leave() { active.wrappingSubtract(1, ordering: .relaxed) }
    }

    func run(_ random: inout SeededGenerator, on group: EventLoopGroup) async throws {
        let limit = random.once(in: 2) ? nil : Int.random(in: 1...4, using: &random)
        let drain: Duration = random.pick([.zero, .milliseconds(20), .seconds(5)])
        let options = ServeOptions(
            listening: ListenOptions(shards: random.once(in: 2) ? .perLoop : .none),
            drain: drain,
            maximumConnections: limit
        )
        let room = Room()
        let (address, server): (SocketAddress, Task<Void, any Error>)
        do {
            (address, server) =
                random.once(in: 3)
                ? start(try UnixListener.bind(to: "unix:", on: group), options, room)
                : start(
                    try TCPListener.bind(to: "127.0.0.1:0", options: options.listening, on: group),
                    options,
                    room
                )
        } catch {
            if world.blamesFault(error) { return }
            throw error
        }
        let seeds = (0..<Int.random(in: 1...12, using: &random)).map { _ in random.split() }
        let patience = Int.random(in: 0...20_000, using: &random)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for seed in seeds { tasks.addTask { try await visit(address, group, room, seed) } }
            try await Task.sleep(for: .microseconds(patience))
            room.isLeaving.store(true, ordering: .sequentiallyConsistent)
            server.cancel()
            do {
                try await server.value
            } catch let error where world.blamesFault(error) {}
            let active = room.active.load(ordering: .relaxed)
            if active != 0 { throw Broken("\(active) handlers run after the end of serve") }
            try await tasks.waitForAll()
        }
        let most = room.most.load(ordering: .relaxed)
        if let limit, most > limit { throw Broken("\(most) clients at once, limit \(limit)") }
    }

    private func start(
        _ listener: some StreamListener,
        _ options: ServeOptions,
        _ room: Room
    ) -> (SocketAddress, Task<Void, any Error>) {
        let server = Task {
            try await listener.serve(options: options) { connection in
                room.enter()
                defer { room.leave() }
                for try await chunk in connection { try await connection.write(chunk) }
            }
        }
        return (listener.localAddress, server)
    }

    private func visit(
        _ address: SocketAddress,
        _ group: EventLoopGroup,
        _ room: Room,
        _ seed: SeededGenerator
    ) async throws {
        var random = seed
        do {
            let connection: StreamConnection =
                address.family == .unix
                ? try await UnixConnection.connect(to: address, on: group)
                : try await TCPConnection.connect(to: address, on: group)
            try await talk(connection, &random)
        } catch let error
            where world.failing || room.isLeaving.load(ordering: .sequentiallyConsistent)
        {
            if error is Broken { throw error }
        }
    }

    private func talk(_ connection: StreamConnection, _ random: inout SeededGenerator) async throws
    {
        let pattern = Pattern(&random)
        defer { connection.close() }
        var position = 0
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let count = random.size(upTo: 30_000)
            try await connection.write(pattern.bytes(at: position, count: count))
            let end = position + count
            while position < end {
                let count = end - position
                let interruption = Interruption(&random, oneIn: 10)
                let read = try await interruption.around {
                    try await connection.read(atMost: count) ?? []
                }
                guard let chunk = read else { continue }
                if chunk.isEmpty { throw SocketError(.read, code: .unexpectedEndOfStream) }
                if !pattern.holds(chunk[...], at: position) {
                    throw Broken("another echo at \(position)")
                }
                position += chunk.count
            }
        }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: (connection as? TCPConnection)?.reset()
        case 1:
            try connection.shutdown(.write)
            if try await connection.read(atMost: 1) != nil { throw Broken("more than the echo") }
        case 2:
            // Stays until the server leaves.
            if try await connection.read(atMost: 1) != nil { throw Broken("more than the echo") }
        default: break
        }
    }
}
