import AsyncSockets
import TestKit
import Testing

@Suite("A timeout", .descriptorsBalanced, .timeLimit(.minutes(1)))
struct TimeoutTests {
    @Test("ends a read that waits, and the connection goes on")
    func endsARead() async throws {
        let (client, server) = try await tcpPair()
        let begin = ContinuousClock.now
        let failure = await code {
            try await withTimeout(.milliseconds(50)) { _ = try await client.read(exactly: 4) }
        }
        #expect(failure == .timedOut)
        #expect(ContinuousClock.now - begin >= .milliseconds(50))
        try await server.write("late")
        #expect(try await client.read(exactly: 4) == Array("late".utf8))
    }

    @Test("ends a clogged write, an accept and a buffered read that trickles in")
    func endsOthers() async throws {
        let (client, server) = try await tcpPair()
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let short = Duration.milliseconds(30)
        #expect(
            await code { try await withTimeout(short) { try await client.write(clog) } }
                == .timedOut
        )
        #expect(
            await code { try await withTimeout(short) { _ = try await listener.accept() } }
                == .timedOut
        )
        // The deadline is the scope's: bytes that come do not put it off.
        let trickle = Task {
            while !Task.isCancelled {
                try await server.write("x")
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        #expect(
            await code {
                try await withTimeout(short) { _ = try await client.read(until: [10]) }
            } == .timedOut
        )
        trickle.cancel()
        _ = await trickle.result
    }

    @Test("in the past fails even where data is ready")
    func inThePast() async throws {
        let (client, server) = try await tcpPair()
        try await server.write("ready")
        #expect(try await client.read(exactly: 1) == Array("r".utf8))
        for duration in [Duration.zero, .seconds(-1), .seconds(Int64.min / 4)] {
            #expect(
                await code {
                    try await withTimeout(duration) { _ = try await client.read(exactly: 1) }
                } == .timedOut
            )
        }
        #expect(try await client.read(exactly: 4) == Array("eady".utf8))
    }

    @Test("of a length that no clock holds never comes")
    func overflow() async throws {
        let (client, server) = try await tcpPair()
        for duration in [Duration.seconds(Int64.max), .seconds(Int64.max / 1_000_000_000)] {
            try await server.write("x")
            let read = try await withTimeout(duration) { try await client.read(atMost: 1) }
            #expect(read == [0x78])
        }
    }

    @Test("that is not reached changes nothing")
    func notReached() async throws {
        #expect(try await withTimeout(.seconds(60)) { 42 } == 42)
        await #expect(throws: CancellationError.self) {
            try await withTimeout(.seconds(60)) { throw CancellationError() }
        }
        let (client, _) = try await tcpPair()
        client.close()
        #expect(
            await code { try await withTimeout(.seconds(60)) { try await client.write("x") } }
                == .closed
        )
    }

    @Test("within another: the earlier one counts")
    func nested() async throws {
        let (client, server) = try await tcpPair()
        #expect(
            await code {
                try await withTimeout(.milliseconds(30)) {
                    try await withTimeout(.seconds(60)) { _ = try await client.read(atMost: 1) }
                }
            } == .timedOut
        )
        #expect(
            await code {
                try await withTimeout(.seconds(60)) {
                    try await withTimeout(.milliseconds(30)) {
                        _ = try await client.read(atMost: 1)
                    }
                }
            } == .timedOut
        )
        server.close()
    }

    @Test("reaches into child tasks")
    func childTasks() async throws {
        let pairs = [try await tcpPair(), try await tcpPair()]
        let failure = await code {
            try await withTimeout(.milliseconds(30)) {
                try await withThrowingTaskGroup { tasks in
                    for pair in pairs {
                        tasks.addTask { _ = try await pair.client.read(atMost: 1) }
                    }
                    try await tasks.waitForAll()
                }
            }
        }
        #expect(failure == .timedOut)
    }

    @Test("is told from the cancellation of the task around it")
    func cancellationAround() async throws {
        let (client, server) = try await tcpPair()
        let task = Task {
            try await withTimeout(.seconds(60)) { _ = try await client.read(atMost: 1) }
        }
        await Task.yield()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        server.close()
    }

    @Test("and data that come at the same moment lose nothing")
    func race() async throws {
        let (client, server) = try await tcpPair()
        var random = SeededGenerator()
        for round in 0..<200 {
            let byte = UInt8(truncatingIfNeeded: round)
            let pause = Duration.microseconds(Int.random(in: 0...2000, using: &random))
            async let read = Result {
                try await withTimeout(.milliseconds(1)) { try await client.read(atMost: 1) }
            }
            try await Task.sleep(for: pause)
            try await server.write([byte])
            let first = try? await read.get()
            if let first {
                #expect(first == [byte], "seed \(random.seed)")
            } else {
                #expect(try await client.read(atMost: 1) == [byte], "seed \(random.seed)")
            }
        }
    }
}
