import AsyncSockets
import TestKit
import Testing

@Suite("A duration of any length", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct LongDurationTests {
    private static let lengths: [Duration] = [
        .seconds(Int64.max) * 4, .seconds(Int64.max), .nanoseconds(Int64.max),
    ]

    @Test("is a timeout", arguments: lengths)
    func timeout(length: Duration) async throws {
        let (client, server) = try await tcpPair()
        async let byte = withTimeout(length) { try await client.read(exactly: 1) }
        try await server.write("x")
        #expect(try await byte == [0x78])
        #expect(await code { try await withTimeout(length * -1) {} } == .timedOut)
    }

    @Test("is a drain", arguments: lengths)
    func drain(length: Duration) async throws {
        for drain in [length, length * -1] {
            let listener = try TCPListener.bind(to: "127.0.0.1:0")
            let options = ServeOptions(drain: drain)
            let server = Task { try await serve(listener, options: options) { _ in } }
            let client = try await TCPConnection.connect(to: listener.localAddress)
            #expect(try await client.read(atMost: 1) == nil)
            server.cancel()
            try? await server.value
        }
    }

    @Test("is a delay of looking up names", arguments: lengths)
    func delays(length: Duration) async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        for delay in [length, length * -1] {
            let names = NameOptions(version: .v4, resolutionDelay: delay, attemptDelay: delay)
            let port = try #require(listener.localAddress.port)
            _ = try await TCPConnection.connect(
                to: "localhost",
                port: port,
                options: ConnectOptions(names: names)
            )
        }
    }

    @Test("is an option's value, if the kernel has such a one", arguments: lengths)
    func options(length: Duration) async throws {
        let (client, _) = try await tcpPair()
        for time in [length, length * -1] {
            #expect(await code { try client.set(.userTimeout, to: time) } == .outOfRange)
            #expect(await code { try client.set(.linger, to: time) } == .outOfRange)
            let options = ConnectOptions(socketOptions: [.set(.keepAliveIdle, time)])
            #expect(
                await code {
                    _ = try await TCPConnection.connect(to: "127.0.0.1:9", options: options)
                } == .outOfRange
            )
        }
        try client.set(.userTimeout, to: .milliseconds(CInt.max))
        #expect(try client.get(.userTimeout) == .milliseconds(CInt.max))
    }
}
