import AsyncSockets
internal import SocketSystem
internal import TestKit
import Testing

@Suite("Cancelled by a signal", .descriptorsBalanced, .endsHangs)
struct WithCancellationTests {
    private func send(_ signal: Signal) throws {
        try sendSignal(SignalNumber(rawValue: signal.number), to: currentProcess)
    }

    @Test("a body is waited for, and further signals do nothing")
    func bodyIsWaitedFor() async throws {
        let signal = try #require(Signal(number: 50))
        let (ended, end) = AsyncStream<Void>.makeStream()
        // A signal that came after the last observer had gone would end the process.
        let observer = Signal.notifications(of: signal)
        let came = try await withCancellation(on: signal) {
            try send(signal)
            await cancellation()
            try send(signal)
            end.yield()
        }
        #expect(came == signal)
        for await _ in ended { break }
        var iterator = observer.makeAsyncIterator()
        for _ in 0..<2 { #expect(await iterator.next(isolation: nil) == signal) }
    }

    @Test("a body that throws because of it is no failure")
    func cancellationIsNoFailure() async throws {
        let signal = try #require(Signal(number: 51))
        let socket = try UDPSocket.bind(to: "127.0.0.1:0")
        try await withCancellation(on: signal) {
            try send(signal)
            for try await _ in socket {}
        }
    }

    @Test("a server drains its clients")
    func serving() async throws {
        let signal = try #require(Signal(number: 52))
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let client = try await TCPConnection.connect(to: listener.localAddress)
        try await client.write("hello")
        try await withCancellation(on: signal) {
            try await serve(listener) { connection in
                let greeting = try await connection.read(exactly: 5)
                try send(signal)
                // Draining, a read that would have to wait ends; what is here can be answered.
                await #expect(throws: CancellationError.self) {
                    _ = try await connection.read(atMost: 1)
                }
                try await connection.write(greeting)
            }
        }
        #expect(try await client.readToEnd() == Array("hello".utf8))
    }

    @Test("a second signal ends the drain")
    func secondSignal() async throws {
        let signal = try #require(Signal(number: 54))
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let client = try await TCPConnection.connect(to: listener.localAddress)
        let begun = ContinuousClock.now
        try await withCancellation(on: signal) {
            try await serve(listener, options: ServeOptions(drain: .seconds(600))) { connection in
                try await withThrowingTaskGroup { tasks in
                    // Its peer never reads.
                    tasks.addTask { while true { try await connection.write(clog) } }
                    try send(signal)
                    _ = try? await connection.read(atMost: 1)
                    // It drains. One that comes at once is the same request.
                    while ContinuousClock.now < begun + .milliseconds(200) {
                        try await Task.sleep(for: .milliseconds(10))
                    }
                    try send(signal)
                    try await tasks.waitForAll()
                }
            }
        }
        client.close()
    }

    @Test("a body that ends or fails by itself needs no signal")
    func bodyEndsByItself() async throws {
        struct Failure: Error {}
        let signal = try #require(Signal(number: 53))
        #expect(try await withCancellation(on: signal) {} == nil)
        await #expect(throws: Failure.self) {
            try await withCancellation(on: signal) { throw Failure() }
        }
        let task = Task {
            try await withCancellation(on: signal) {
                await cancellation()
                try Task.checkCancellation()
            }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    /// Waits until the task is cancelled.
    private func cancellation() async {
        for await _ in AsyncStream<Never>.makeStream().stream {}
    }
}
