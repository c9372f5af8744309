import AsyncSockets
import TestKit

/// Several tasks write to one connection: each write is contiguous, and a task's writes come in
/// order.
struct CrowdProgram {
    let world: World

    /// A write: the writer, its turn and the size, and bytes that are known by them.
    private struct Record {
        static let headerSize = 6

        let writer: Int
        let turn: Int
        let size: Int

        func bytes(_ pattern: Pattern) -> [UInt8] {
            let header = [writer, turn, size >> 16, size >> 8, size, 0xff]
            return header.map { UInt8(truncatingIfNeeded: $0) } + body(pattern)
        }

        func body(_ pattern: Pattern) -> [UInt8] {
            pattern.bytes(at: writer * 1000 + turn, count: size)
        }
    }

    func run(_ random: inout SeededGenerator, on group: EventLoopGroup) async throws {
        let pair: (StreamConnection, StreamConnection)
        do {
            if random.once(in: 2) {
                pair = try UnixConnection.pair(on: group)
            } else {
                let (client, server) = try await tcpPair(on: group)
                pair = (client, server)
            }
        } catch let error where world.blamesFault(error) { return }
        let (near, far) = pair
        let pattern = Pattern(&random)
        let seeds = (0..<Int.random(in: 2...4, using: &random)).map { _ in random.split() }
        async let received: [Int] = receive(far, pattern, writers: seeds.count)
        let sent = await withTaskGroup(of: (Int, Int, (any Error)?).self) { tasks in
            for (writer, seed) in seeds.enumerated() {
                tasks.addTask {
                    let (turns, error) = await send(near, pattern, writer, seed)
                    return (writer, turns, error)
                }
            }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        near.close()
        let turns = try await received
        far.close()
        for (writer, count, error) in sent {
            // A write that a fault has torn ends all.
            if let error, !world.blamesFault(error), !(world.failing && code(error) == .closed) {
                throw error
            }
            if !world.failing, turns[writer] != count {
                throw Broken("\(turns[writer]) of \(count) writes of task \(writer)")
            }
        }
    }

    /// How many writes were done, and what ended them too early.
    private func send(
        _ connection: StreamConnection,
        _ pattern: Pattern,
        _ writer: Int,
        _ seed: SeededGenerator
    ) async -> (Int, (any Error)?) {
        var random = seed
        let count = Int.random(in: 0...20, using: &random)
        for turn in 0..<count {
            let record = Record(writer: writer, turn: turn, size: random.size(upTo: 300_000))
            do {
                try await connection.write(record.bytes(pattern))
            } catch {
                connection.close()
                return (turn, error)
            }
        }
        return (count, nil)
    }

    /// How many writes of each task came.
    private func receive(
        _ connection: StreamConnection,
        _ pattern: Pattern,
        writers: Int
    ) async throws -> [Int] {
        var turns = [Int](repeating: 0, count: writers)
        do {
            while true {
                let header = try await connection.read(exactly: Record.headerSize).map { Int($0) }
                let size = header[2] << 16 | header[3] << 8 | header[4]
                guard header[5] == 0xff, header[0] < writers, header[1] == turns[header[0]] else {
                    throw Broken("no write begins with \(header)")
                }
                let record = Record(writer: header[0], turn: header[1], size: size)
                if try await connection.read(exactly: size) != record.body(pattern) {
                    throw Broken("a write of \(size) bytes was not contiguous")
                }
                turns[header[0]] += 1
            }
        } catch let error as SocketError where error.code == .unexpectedEndOfStream {
            return turns
        } catch let error where world.blamesFault(error) {
            connection.close()
            return turns
        }
    }
}
