import AsyncSockets
import Glibc
import Synchronization
import TestKit

/// Does what a fault may refuse until it is done; nil if it cannot be done any more.
private func insist<Value: Sendable>(
    _ world: World,
    _ operation: () async throws -> Value
) async throws -> Value? {
    for _ in 0..<10_000 {
        do {
            return try await operation()
        } catch let error where world.blamesFault(error) {
            let passing: [SocketError.Code?] = [.tooManyDescriptors, .noBufferSpace]
            if !passing.contains(code(error)) { return nil }
        }
    }
    throw Broken("ten thousand faults in a row")
}

// MARK: - Packets

/// One end sends packets and descriptors, the other receives them: each once, whole and in order.
struct PacketProgram {
    let world: World

    func run(_ random: inout SeededGenerator, on group: EventLoopGroup) async throws {
        guard let pair = try await insist(world, { try UnixPacketConnection.pair(on: group) })
        else { return }
        let (near, far) = pair
        let pattern = Pattern(&random)
        // The sizes are both ends' knowledge; an empty packet is a packet.
        let sizes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
            random.size(upTo: 60_000)
        }
        let seeds = (random.split(), random.split())
        let isAbrupt = random.once(in: 2)
        async let sending: Int = send(near, sizes, pattern, seeds.0, isAbrupt: isAbrupt)
        let received: Int
        do {
            received = try await receive(far, sizes, pattern, seeds.1)
        } catch {
            far.close()
            _ = try? await sending
            throw error
        }
        let sent = try await sending
        far.close()
        if received > sent || !world.failing && received < sizes.count {
            throw Broken("\(received) packets of \(sent)")
        }
    }

    /// How many were sent.
    private func send(
        _ connection: UnixPacketConnection,
        _ sizes: [Int],
        _ pattern: Pattern,
        _ seed: SeededGenerator,
        isAbrupt: Bool
    ) async throws -> Int {
        var random = seed
        defer { connection.close() }
        for (index, size) in sizes.enumerated() {
            let bytes = pattern.bytes(at: index, count: size)
            var isSent = false
            while !isSent {
                let interruption = Interruption(&random)
                let done: Void?? = try await insist(world) {
                    try await interruption.around {
                        let passed = try (0..<index % 3).map { _ in
                            try OwnedDescriptor(duplicating: 0)
                        }
                        try await connection.send(bytes, passing: passed)
                    }
                }
                guard let done else { return index }
                isSent = done != nil
            }
        }
        if !isAbrupt { _ = try await insist(world) { try connection.shutdown(.write) } }
        return sizes.count
    }

    /// How many were received.
    private func receive(
        _ connection: UnixPacketConnection,
        _ sizes: [Int],
        _ pattern: Pattern,
        _ seed: SeededGenerator
    ) async throws -> Int {
        var random = seed
        var index = 0
        while true {
            let interruption = Interruption(&random)
            // No fault ends it: what receiving meets passes.
            let outcome = try await interruption.around {
                Received(try await connection.receive())
            }
            guard let outcome else { continue }
            guard let packet = outcome.message else { return index }
            guard index < sizes.count else { throw Broken("a packet too many") }
            if packet.bytes != pattern.bytes(at: index, count: sizes[index]) {
                throw Broken("another packet \(index): \(packet.bytes.count) of \(sizes[index])")
            }
            if packet.descriptors.count != index % 3 {
                throw Broken("\(packet.descriptors.count) descriptors with packet \(index)")
            }
            index += 1
        }
    }

    private struct Received: Sendable {
        let message: UnixMessage?
        init(_ message: UnixMessage?) { self.message = message }
    }
}

// MARK: - Datagrams

/// A client sends some datagrams at once to an echo, and gets all of them back, in order.
struct DatagramProgram {
    let world: World

    /// A datagram socket of either kind.
    private enum Socket: Sendable {
        case udp(UDPSocket)
        case unix(UnixDatagramSocket)

        var address: SocketAddress? {
            switch self {
            case .udp(let socket): socket.localAddress
            case .unix(let socket): socket.localAddress
            }
        }

        func send(_ bytes: [UInt8], to address: SocketAddress) async throws {
            switch self {
            case .udp(let socket): try await socket.send(bytes, to: address)
            case .unix(let socket): try await socket.send(bytes, to: address)
            }
        }

        func receive() async throws -> ([UInt8], SocketAddress) {
            switch self {
            case .udp(let socket):
                let datagram = try await socket.receive()
                return (datagram.bytes, datagram.source)
            case .unix(let socket):
                let message = try await socket.receive()
                return (message.bytes, message.source)
            }
        }

        func close() {
            switch self {
            case .udp(let socket): socket.close()
            case .unix(let socket): socket.close()
            }
        }
    }

    func run(_ random: inout SeededGenerator, on group: EventLoopGroup) async throws {
        let isUnix = random.once(in: 2)
        func open() async throws -> Socket? {
            try await insist(world) {
                isUnix
                    ? .unix(try .bind(to: "unix:", on: group))
                    : .udp(try .bind(to: "127.0.0.1:0", on: group))
            }
        }
        guard let server = try await open() else { return }
        defer { server.close() }
        guard let client = try await open(), let address = server.address else { return }
        defer { client.close() }
        let inBatches = random.once(in: 3)
        async let echoing: Void = echo(server, inBatches: inBatches, to: client)
        do {
            let pattern = Pattern(&random)
            var first = 0
            for _ in 0..<Int.random(in: 1...10, using: &random) {
                let sizes = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                    random.size(upTo: 8000)
                }
                for (offset, size) in sizes.enumerated() {
                    let bytes = pattern.bytes(at: first + offset, count: size)
                    guard
                        try await insist(world, { try await client.send(bytes, to: address) })
                            != nil
                    else { throw Over() }
                }
                for (offset, size) in sizes.enumerated() {
                    let bytes = try await receive(client, &random)
                    if bytes != pattern.bytes(at: first + offset, count: size) {
                        throw Broken("another datagram \(first + offset)")
                    }
                }
                first += sizes.count
            }
        } catch is Over {
        } catch let error where world.failing && code(error) == .closed {
        } catch {
            server.close()
            _ = try? await echoing
            throw error
        }
        server.close()
        try await echoing
    }

    /// A fault has ended the program early.
    private struct Over: Error {}

    // No fault ends receiving: what it meets passes.

    private func receive(
        _ socket: Socket,
        _ random: inout SeededGenerator
    ) async throws -> [UInt8] {
        while true {
            let interruption = Interruption(&random)
            let received = try await interruption.around { try await socket.receive().0 }
            if let received { return received }
        }
    }

    /// Sends everything back; if a fault ends that, the client waits for nothing more.
    private func echo(_ socket: Socket, inBatches: Bool, to client: Socket) async throws {
        defer { client.close() }
        do {
            if inBatches, case .udp(let socket) = socket { return try await echoBatches(socket) }
            while true {
                let (bytes, source) = try await socket.receive()
                let sent: Void? = try await insist(world) {
                    try await socket.send(bytes, to: source)
                }
                if sent == nil { return }
            }
        } catch let error where code(error) == .closed {}
    }

    private func echoBatches(_ socket: UDPSocket) async throws {
        let batch = DatagramBatch(capacity: 3, datagramSize: 8000)
        while true {
            _ = try await socket.receive(into: batch)
            var first = 0
            let sent: Void? = try await insist(world) {
                defer { first = batch.sentCount }
                try await socket.send(batch, from: first)
            }
            if sent == nil { return }
        }
    }
}
