import AsyncSockets
import TestKit

/// Two ends of one connection write, read, cancel, finish, close and reset.
struct StreamProgram {
    let world: World
    private let isUnix: Bool
    /// Whether descriptors are passed along; they may only be read by one verb then.
    private let passes: Bool

    init(_ world: World, _ random: inout SeededGenerator) {
        self.world = world
        isUnix = random.once(in: 2)
        passes = isUnix && random.once(in: 4)
    }

    func run(_ random: inout SeededGenerator, on group: EventLoopGroup) async throws {
        let pair: (StreamConnection, StreamConnection)?
        do {
            pair = try await connect(&random, on: group)
        } catch let error where world.blamesFault(error) { return }
        guard let pair else { return }
        let near = StreamEnd(pair.0, Pattern(&random))
        let far = StreamEnd(pair.1, Pattern(&random))
        let seeds = [random.split(), random.split(), random.split(), random.split()]
        let disturber = random.once(in: 3) ? random.split() : nil
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await live(near, far, seeds[0], seeds[1]) }
            tasks.addTask { try await live(far, near, seeds[2], seeds[3]) }
            if let disturber { tasks.addTask { await disturb(near, far, disturber) } }
            // Nothing is cancelled: what waits for ever is for the watchdog.
            var failure: (any Error)?
            while let result = await tasks.nextResult() {
                if case .failure(let error) = result {
                    failure = failure ?? error
                    near.close()
                    far.close()
                }
            }
            if let failure { throw failure }
        }
        try near.check(against: far)
        try far.check(against: near)
    }

    /// Nil if it was ended from outside.
    private func connect(
        _ random: inout SeededGenerator,
        on group: EventLoopGroup
    ) async throws -> (StreamConnection, StreamConnection)? {
        let interruption = Interruption(&random, oneIn: 10)
        if !isUnix {
            return try await interruption.around {
                let pair = try await tcpPair(on: group)
                return (pair.client, pair.server)
            }
        }
        if passes || random.once(in: 2) {
            return try UnixConnection.pair(receivesDescriptors: passes, on: group)
        }
        return try await interruption.around {
            let listener = try UnixListener.bind(to: "unix:", on: group)
            defer { listener.close() }
            async let accepted = listener.accept()
            do {
                let client = try await UnixConnection.connect(to: listener.localAddress, on: group)
                return (client, try await accepted)
            } catch {
                listener.close()
                _ = try? await accepted
                throw error
            }
        }
    }

    /// One end's life: it reads and writes at the same time, and closes when both are done.
    private func live(
        _ end: StreamEnd,
        _ other: StreamEnd,
        _ reading: SeededGenerator,
        _ writing: SeededGenerator
    ) async throws {
        async let hasRead: Void = read(end, other, reading)
        async let hasWritten: Void = write(end, other, writing)
        defer { end.close() }
        // Both are waited for, whatever happens to one.
        let read: Result<Void, any Error>
        do { read = .success(try await hasRead) } catch { read = .failure(error) }
        try await hasWritten
        try read.get()
    }

    private func disturb(_ near: StreamEnd, _ far: StreamEnd, _ seed: SeededGenerator) async {
        var random = seed
        for _ in 0..<Int.random(in: 0...200, using: &random) { await Task.yield() }
        let end = random.pick([near, far])
        end.close(abruptly: random.once(in: 2))
    }
}

// MARK: - Writing

extension StreamProgram {
    private func write(_ end: StreamEnd, _ other: StreamEnd, _ seed: SeededGenerator) async throws {
        var random = seed
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            do {
                try await writeOnce(end, &random)
            } catch let error where end.explains(error, with: other, world) {
                // A failed stream is of no use any more.
                return end.close()
            }
        }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: end.close()
        case 1: end.close(abruptly: true)
        default:
            do throws(SocketError) {
                try end.finish()
            } catch {
                let isOver = [.closed, .notConnected].contains(error.code)
                if !isOver, !world.blamesFault(error) { throw error }
                end.close()
            }
        }
    }

    private func writeOnce(_ end: StreamEnd, _ random: inout SeededGenerator) async throws {
        let before = end.connection.bytesWritten
        let bytes = end.pattern.bytes(at: before, count: random.size(upTo: Pattern.most))
        end.offers(bytes.count)
        let verb = Int.random(in: 0..<3, using: &random)
        let interruption = Interruption(&random)
        let passing = passes && !bytes.isEmpty && random.once(in: 3)
        if passing { end.passes(1) }
        let done: Void?
        do {
            done = try await interruption.around {
                let connection = end.connection
                if passing, let connection = connection as? UnixConnection {
                    let passed = try OwnedDescriptor(duplicating: 0)
                    return try await connection.write(bytes, passing: [passed])
                }
                switch verb {
                case 0: try await connection.write(bytes)
                case 1: try await connection.write(bytes[...])
                default:
                    let middle = bytes.count / 3
                    let parts = [Array(bytes[..<middle]), [], Array(bytes[middle...])]
                    try await connection.write(contentsOf: parts)
                }
            }
        } catch {
            let written = end.connection.bytesWritten - before
            if passing, written == 0 { end.passes(-1) }
            if let error = error as? SocketError, error.operation == .write,
                error.bytesWritten != written
            {
                throw Broken("the error says \(error.bytesWritten) of \(written) bytes")
            }
            throw error
        }
        let written = end.connection.bytesWritten - before
        if passing, written == 0 { end.passes(-1) }
        if done != nil, written != bytes.count {
            throw Broken("a write of \(bytes.count) bytes wrote \(written)")
        }
    }
}

// MARK: - Reading

extension StreamProgram {
    private enum Outcome: Sendable {
        case bytes([UInt8], descriptors: Int = 0)
        case end
        /// Nothing was taken, and the next read goes on.
        case nothing
    }

    private func read(_ end: StreamEnd, _ other: StreamEnd, _ seed: SeededGenerator) async throws {
        var random = seed
        // Some leave before the end.
        var left = random.once(in: 5) ? Int.random(in: 0...5, using: &random) : .max
        while left > 0 {
            left -= 1
            let outcome: Outcome
            do {
                outcome = try await readOnce(end.connection, &random)
            } catch let error where end.explains(error, with: other, world) { break }
            switch outcome {
            case .nothing: continue
            case .bytes(let bytes, let descriptors):
                try end.read(bytes, of: other, descriptors: descriptors)
            case .end: return try end.readEnd(of: other)
            }
        }
        end.close()
    }

    private func readOnce(
        _ connection: StreamConnection,
        _ random: inout SeededGenerator
    ) async throws -> Outcome {
        let count = max(1, random.size(upTo: 100_000))
        let verb = passes ? 6 : Int.random(in: 0..<5, using: &random)
        let interruption = Interruption(&random)
        do {
            return try await interruption.around {
                switch verb {
                case 0:
                    var iterator = connection.makeAsyncIterator()
                    return try await iterator.next().map { .bytes($0) } ?? .end
                case 1:
                    var bytes = [UInt8](repeating: 0, count: count)
                    var span = bytes.mutableSpan
                    let taken = try await connection.read(into: &span)
                    return taken == 0 ? .end : .bytes(Array(bytes[..<taken]))
                case 2: return try await connection.read(atMost: count).map { .bytes($0) } ?? .end
                case 3: return .bytes(try await connection.read(exactly: count))
                case 4:
                    let delimiter = [UInt8(truncatingIfNeeded: count)]
                    let message = try await connection.read(until: delimiter, limit: count)
                    return message.map { .bytes($0) } ?? .end
                default:
                    guard let connection = connection as? UnixConnection else { return .nothing }
                    guard let message = try await connection.readWithDescriptors() else {
                        return .end
                    }
                    return .bytes(message.bytes, descriptors: message.descriptors.count)
                }
            } ?? .nothing
        } catch let error as SocketError
            where [.unexpectedEndOfStream, .limitExceeded].contains(error.code)
        {
            // What has arrived stays for the next read: the end comes only when all was taken.
            let bytes = try await connection.read(atMost: count)
            if bytes == nil, error.code == .limitExceeded { throw Broken("\(error) of nothing") }
            return bytes.map { .bytes($0) } ?? .end
        }
    }
}
