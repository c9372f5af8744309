import AsyncSockets
import Glibc
import SocketSystem
import TestKit
import Testing

@Suite("A timeout", .descriptorsBalanced, .fewAtOnce, .endsHangs)
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

    @Test("of a socket is kept by the socket's loop: another group's may be busy, or have ended")
    func otherGroup() async throws {
        let (client, server) = try await tcpPair()
        let busy = try EventLoopGroup(loops: 1)
        let gate = ThreadGate()
        let blocker = Task(executorPreference: busy.taskExecutor) {
            gate.wait(atMost: .seconds(300))
        }
        let late = await code {
            try await withTimeout(.milliseconds(50), on: busy) {
                _ = try await client.read(exactly: 4)
            }
        }
        #expect(late == .timedOut)
        gate.open()
        // Opened, not given up: the loop was busy until the read had ended.
        #expect(await blocker.value)
        let rescue = Task {
            try await Task.sleep(for: .seconds(300))
            client.close()
        }
        let never = await code {
            try await withTimeout(.milliseconds(50), on: busy) {
                await busy.shutdown()
                _ = try await client.read(exactly: 4)
            }
        }
        #expect(never == .timedOut)
        rescue.cancel()
        server.close()
    }

    @Test("in the past fails even if data is ready")
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

    @Test("ends a wait for the turn of another's write, which goes on")
    func waitingInLine() async throws {
        let (client, server) = try await tcpPair()
        async let first: Void = client.write(clog)
        #expect(await eventually { client.bytesWritten > 0 })
        #expect(
            await code { try await withTimeout(.milliseconds(30)) { try await client.write("x") } }
                == .timedOut
        )
        let received = Task { try await server.readToEnd() }
        try await first
        try client.shutdown(.write)
        #expect(try await received.value.count == clog.count)
    }

    @Test("ends a connect that gets no answer, and leaves no socket")
    func connecting() async throws {
        let hosts = try LoopbackHosts()
        let hole = try BlackHole(at: hosts.address(3), port: hosts.port)
        let address = try SocketAddress("\(hosts.address(3)):\(hosts.port)")
        let options = ConnectOptions(localAddress: hosts.client)
        #expect(
            await code {
                try await withTimeout(.milliseconds(30)) {
                    _ = try await TCPConnection.connect(to: address, options: options)
                }
            } == .timedOut
        )
        #expect(hosts.openSockets == 0)
        withExtendedLifetime(hole) {}
    }

    @Test("ends an accept from any of several sockets, and connections still come")
    func acceptingFromShards() async throws {
        let group = try EventLoopGroup(loops: 2)
        let listener = try shardedListener(on: group)
        #expect(
            await code {
                try await withTimeout(.milliseconds(30)) { _ = try await listener.accept() }
            } == .timedOut
        )
        #expect(listener.failure == nil)
        async let client = TCPConnection.connect(to: listener.localAddress)
        let server = try await listener.accept()
        #expect(try await server.remoteAddress == client.localAddress)
        listener.close()
        await group.shutdown()
    }

    @Test("runs the body with the caller's isolation and task-local values")
    @MainActor
    func makesNoTask() async throws {
        final class NotSendable { var count = 0 }
        let local = NotSendable()
        try await withTimeout(.seconds(60)) {
            local.count += 1
            MainActor.assertIsolated()
        }
        #expect(local.count == 1)
    }

    @Test("that has passed ends every later wait, and gives what is there already")
    func endsEveryLaterWait() async throws {
        let (client, server) = try await tcpPair()
        try await server.write("there")
        #expect(try await client.read(exactly: 1) == Array("t".utf8))
        try await withTimeout(.milliseconds(20)) {
            #expect(await code { _ = try await client.read(exactly: 100) } == .timedOut)
            #expect(await code { _ = try await client.read(exactly: 100) } == .timedOut)
            // One operation in 64 lets others have the thread, which is a wait, and ends there too.
            let first = try? await client.read(exactly: 4)
            let rest = if let first { first } else { try await client.read(exactly: 4) }
            #expect(rest == Array("here".utf8))
        }
    }

    @Test("ends a loop that never has to wait")
    func endsLoopThatNeverWaits() async throws {
        let (client, server) = try await tcpPair()
        let flood = Task {
            while true { try await server.write([UInt8](repeating: 1, count: 65536)) }
        }
        var total = 0
        var limit = Duration.milliseconds(100)
        // On a busy machine the time may be over before the first chunk: then with more of it.
        while total == 0 {
            let failure = await code {
                try await withTimeout(limit) {
                    for try await chunk in client { total += chunk.count }
                }
            }
            #expect(failure == .timedOut)
            limit *= 2
        }
        flood.cancel()
        client.close()
        _ = await flood.result
    }

    @Test("ends writes that a peer takes for ever")
    func endsEndlessWrites() async throws {
        let (client, server) = try await tcpPair()
        let reader = Task { for try await _ in server {} }
        let much = [UInt8](repeating: 1, count: 64 * 1024)
        let failure = await code {
            try await withTimeout(.milliseconds(100)) {
                while true { try await client.write(much) }
            }
        }
        #expect(failure == .timedOut)
        client.close()
        try await reader.value
    }

    @Test("never comes early")
    func neverEarly() async throws {
        let (client, server) = try await tcpPair()
        for milliseconds in [1, 2, 3, 5, 8, 13, 21, 34] {
            let duration = Duration.milliseconds(milliseconds)
            let begin = ContinuousClock.now
            let failure = await code {
                try await withTimeout(duration) { _ = try await client.read(atMost: 1) }
            }
            #expect(failure == .timedOut)
            #expect(ContinuousClock.now - begin >= duration)
        }
        withExtendedLifetime(server) {}
    }

    @Test("ends `serve`, which drains its clients and says so")
    func serving() async throws {
        let (addresses, ready) = AsyncStream<SocketAddress>.makeStream()
        async let failure = code {
            try await withTimeout(.milliseconds(200)) {
                try await serve(at: "127.0.0.1:0", ready: { ready.yield($0) }) { connection in
                    for try await chunk in connection { try await connection.write(chunk) }
                }
            }
        }
        var iterator = addresses.makeAsyncIterator()
        let address = try #require(await iterator.next())
        // On a busy machine the time may be over before the client comes: then it is refused.
        if let client = try? await TCPConnection.connect(to: address) {
            try? await client.write("x")
            _ = try? await client.readToEnd()
        }
        #expect(await failure == .timedOut)
    }

    @Test("is told from the cancellation of the task around it")
    func cancellationAround() async throws {
        let (client, server) = try await tcpPair()
        let task = Task {
            try await withTimeout(.seconds(60)) { _ = try await client.read(atMost: 1) }
        }
        // Before it waits or while it does: the answer is the same.
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        server.close()
    }

    @Test("and data that come at the same moment lose nothing")
    func racingDataIsNotLost() async throws {
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
