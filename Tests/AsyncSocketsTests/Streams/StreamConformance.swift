import AsyncSockets
import TestKit
import Testing

/// The promises of every connected stream, of any kind.
///
///     @Test("does what every stream does", arguments: StreamCheck.all)
///     func conforms(_ check: StreamCheck) async throws {
///         try await check.run { … two connected ends … }
///     }
struct StreamCheck: Sendable, CustomTestStringConvertible {
    /// Two ends of one new connection.
    typealias MakePair = @Sendable () async throws -> (StreamConnection, StreamConnection)

    let testDescription: String
    let run: @Sendable (MakePair) async throws -> Void

    init(_ name: String, _ run: @escaping @Sendable (MakePair) async throws -> Void) {
        testDescription = name
        self.run = run
    }

    static var all: [StreamCheck] { basics + endings + cancellations + reads + writes }
}

// MARK: - Data flows

extension StreamCheck {
    static let basics = [
        StreamCheck("an empty write sends nothing, then data flows") { pair in
            let (a, b) = try await pair()
            try await a.write([UInt8]())
            try await a.write("")
            try await a.write(contentsOf: [])
            try await a.write(contentsOf: [[], []])
            try await a.write("x")
            #expect(try await b.read(atMost: 10) == [0x78])
            #expect(a.bytesWritten == 1)
        },
        StreamCheck("a megabyte each way at once, in chunks of all sizes") { pair in
            let (a, b) = try await pair()
            let random = SeededGenerator()
            var (first, second) = (random, SeededGenerator(seed: random.seed &+ 1))
            let (toB, toA) = (first.bytes(1 << 20), second.bytes(1 << 20))
            async let sentToB: Void = send(toB, through: a, seed: random.seed)
            async let sentToA: Void = send(toA, through: b, seed: random.seed &+ 2)
            async let atA = a.readToEnd()
            async let atB = b.readToEnd()
            _ = try await (sentToA, sentToB)
            #expect(try await atA == toA, "seed \(random.seed)")
            #expect(try await atB == toB, "seed \(random.seed)")
        },
        StreamCheck("every kind of bytes can be written") { pair in
            let (a, b) = try await pair()
            let bytes: [UInt8] = [1, 2, 3, 4, 5]
            try await a.write(bytes)
            try await a.write(bytes[1...2])
            try await a.write(bytes.span)
            try await a.write("äöü")
            try await a.write(contentsOf: [bytes, [], [9]])
            try a.shutdown(.write)
            #expect(
                try await b.readToEnd() == bytes + [2, 3] + bytes + Array("äöü".utf8) + bytes + [9]
            )
        },
        StreamCheck("of two readers one is told `.busy` at once, and no byte is lost") { pair in
            let (a, b) = try await pair()
            let results = await withTaskGroup(of: Result<[UInt8]?, any Error>.self) { tasks in
                for _ in 0..<2 {
                    tasks.addTask { await Result { try await b.read(atMost: 10) } }
                }
                let loser = await tasks.next()!
                try? await a.write("x")
                return [loser, await tasks.next()!]
            }
            #expect(throws: SocketError.self) { try results[0].get() }
            if case .failure(let error) = results[0] {
                #expect((error as? SocketError)?.code == .busy)
            }
            #expect(try results[1].get() == [0x78])
        },
        StreamCheck("reading and writing do not hold each other up") { pair in
            let (a, b) = try await pair()
            async let reading = a.read(atMost: 1)
            for _ in 0..<100 {
                try await a.write("ping")
                #expect(try await b.read(exactly: 4) == Array("ping".utf8))
            }
            try await b.write("!")
            #expect(try await reading == Array("!".utf8))
        },
    ]

    private static func send(
        _ bytes: [UInt8],
        through connection: StreamConnection,
        seed: UInt64
    ) async throws {
        var random = SeededGenerator(seed: seed)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 1...30_000, using: &random))
            try await connection.write(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        try connection.shutdown(.write)
    }
}

// MARK: - Ends

extension StreamCheck {
    static let endings = [
        StreamCheck("what was written before `close` arrives, then the end") { pair in
            let (a, b) = try await pair()
            try await a.write("last words")
            a.close()
            #expect(try await b.readToEnd() == Array("last words".utf8))
            #expect(try await b.read(atMost: 1) == nil)
            #expect(try await b.read(atMost: 1) == nil, "the end is sticky")
        },
        StreamCheck("closing twice is fine, and everything after it says `.closed`") { pair in
            let (a, _) = try await pair()
            let remote = a.remoteAddress
            a.close()
            a.close()
            #expect(a.isClosed)
            #expect(await code { _ = try await a.read(atMost: 1) } == .closed)
            #expect(await code { _ = try await a.read(exactly: 1) } == .closed)
            #expect(await code { for try await _ in a {} } == .closed)
            #expect(await code { try await a.write("x") } == .closed)
            #expect(await code { try await a.write("") } == .closed)
            #expect(await code { try await a.write(contentsOf: []) } == .closed)
            #expect(await code { try a.shutdown(.write) } == .closed)
            #expect(await code { try a.shutdown(.read) } == .closed)
            #expect(await code { _ = try a.detach() } == .closed)
            #expect(a.localAddress == nil)
            #expect(a.remoteAddress == remote)
        },
        StreamCheck("`close` wakes a reader") { pair in
            let (a, b) = try await pair()
            async let reading = code { _ = try await a.read(atMost: 1) }
            await Task.yield()
            a.close()
            #expect(await reading == .closed)
            b.close()
        },
        StreamCheck("`close` wakes a clogged writer, who learns how much went out") { pair in
            let (a, b) = try await pair()
            async let written = clogError(a)
            #expect(await eventually { a.bytesWritten > 0 })
            a.close()
            let error = try #require(await written as? SocketError)
            #expect(error.code == .closed)
            #expect(error.bytesWritten == a.bytesWritten)
            #expect(try await b.readToEnd().count == error.bytesWritten)
        },
        StreamCheck("a peer that has closed breaks writing, for good") { pair in
            let (a, b) = try await pair()
            b.close()
            let broken: Set<SocketError.Code> = [.brokenPipe, .connectionReset]
            for _ in 0..<2 {
                let failure = await code { while true { try await a.write("x") } }
                #expect(broken.contains(try #require(failure)))
            }
        },
        StreamCheck("after `shutdown(.write)` the other direction goes on") { pair in
            let (a, b) = try await pair()
            try await a.write("question")
            try a.shutdown(.write)
            try a.shutdown(.write)
            #expect(try await b.readToEnd() == Array("question".utf8))
            try await b.write("answer")
            b.close()
            #expect(try await a.readToEnd() == Array("answer".utf8))
            #expect(await code { try await a.write("more") } == .brokenPipe)
        },
        StreamCheck("`shutdown(.write)` during a write is `.busy`") { pair in
            let (a, b) = try await pair()
            async let writing: Void = a.write(clog)
            #expect(await eventually { a.bytesWritten > 0 })
            #expect(await code { try a.shutdown(.write) } == .busy)
            #expect(await code { try a.shutdown(.both) } == .busy)
            async let received = b.read(exactly: clog.count)
            try await writing
            #expect(try await received == clog)
            try a.shutdown(.write)
            #expect(try await b.read(atMost: 1) == nil)
        },
        StreamCheck("`shutdown(.read)` ends a read that waits") { pair in
            let (a, b) = try await pair()
            async let reading = a.read(atMost: 1)
            await Task.yield()
            try a.shutdown(.read)
            #expect(try await reading == nil)
            try await a.write("still writes")
            #expect(try await b.read(exactly: 12) == Array("still writes".utf8))
        },
        StreamCheck("a connection that nobody refers to closes itself") { pair in
            var ends: (StreamConnection, StreamConnection)? = try await pair()
            let kept = try #require(ends).1
            ends = nil
            #expect(try await kept.read(atMost: 1) == nil)
        },
        StreamCheck("reader and writer of one end may both wait while it closes") { pair in
            for _ in 0..<50 {
                let (a, b) = try await pair()
                async let reading = code { while try await a.read(atMost: 1) != nil {} }
                async let writing = code { while true { try await a.write(clog) } }
                a.close()
                #expect(await reading == .closed)
                #expect(await writing == .closed)
                b.close()
            }
        },
    ]

    private static func clogError(_ connection: StreamConnection) async -> (any Error)? {
        do {
            try await connection.write(clog)
            return nil
        } catch {
            return error
        }
    }
}

extension Result where Failure == any Error {
    /// What an asynchronous body returns or throws.
    init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
