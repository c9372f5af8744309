import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct BackendTests {
    @Test("Backends have names, and names have backends")
    func names() {
        #expect(
            EventLoopGroup.Backend.all.map(\.name) == ["epoll", "epoll-level", "poll", "select"]
        )
        for backend in EventLoopGroup.Backend.all {
            #expect(EventLoopGroup.Backend(named: backend.name) == backend)
            #expect("\(backend)" == backend.name)
        }
        #expect(EventLoopGroup.Backend(named: "kqueue") == nil)
    }

    @Test(
        "A group waits as it was told, whatever the environment says",
        arguments: EventLoopGroup.Backend.all
    )
    func explicitBackend(backend: EventLoopGroup.Backend) async throws {
        let group = try EventLoopGroup(loops: 1, backend: backend)
        #expect(group.backend == backend)
        await group.shutdown()
    }

    @Test(
        "Both ways at once: bytes come back whole on every backend",
        arguments: EventLoopGroup.Backend.all
    )
    func echo(backend: EventLoopGroup.Backend) async throws {
        let group = try EventLoopGroup(loops: 2, backend: backend)
        let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
        let server = Task {
            try await serve(listener, on: group) { connection in
                for try await chunk in connection { try await connection.write(chunk) }
            }
        }
        let client = try await TCPConnection.connect(to: listener.localAddress, on: group)
        // Much more than the kernel buffers, so that reads and writes wait for each other.
        let bytes = (0..<8 << 20).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let writer = Task {
            try await client.write(bytes)
            try client.shutdown(.write)
        }
        var received: [UInt8] = []
        for try await chunk in client { received += chunk }
        try await writer.value
        #expect(received == bytes)
        server.cancel()
        try await server.value
        await group.shutdown()
    }

    @Test("The environment chooses for groups that name no backend")
    func environment() async {
        await #expect(processExitsWith: .success) {
            unsafe setenv("ASYNCSOCKETS_BACKEND", "poll", 1)
            unsafe setenv("ASYNCSOCKETS_WAKEUP", "pipe", 1)
            try #require(try EventLoopGroup(loops: 1).backend == .poll)
            try #require(EventLoopGroup.shared.backend == .poll)
            try #require(try EventLoopGroup(loops: 1, backend: .select).backend == .select)
        }
    }

    @Test("An environment that names no backend is an error that says so")
    func wrongEnvironment() async {
        await #expect(processExitsWith: .success) {
            unsafe setenv("ASYNCSOCKETS_BACKEND", "kqueue", 1)
            let error = #expect(throws: SocketError.self) { _ = try EventLoopGroup(loops: 1) }
            try #require(error?.code == .invalidArgument)
            try #require(error.map { "\($0)" }?.contains("kqueue") == true)
            let shared = #expect(throws: SocketError.self) {
                _ = try TCPListener.bind(to: "127.0.0.1:0")
            }
            try #require(shared?.operation == .listen || shared?.operation == .bind)
            try #require(shared.map { "\($0)" }?.contains("kqueue") == true)
        }
    }

    @Test("select: the connection that crosses its limit says so, on both sides")
    func selectLimit() async throws {
        await #expect(processExitsWith: .success) {
            // In a process of its own, so that no other descriptors count.
            var limit = rlimit()
            unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            guard limit.rlim_max >= 1100 else { return }
            limit.rlim_cur = 1100
            unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let group = try EventLoopGroup(loops: 1, backend: .select)
            let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
            // The run-time's threads open and close files of their own at any moment, which leaves
            // gaps: they are filled before each try.
            func fill() { while case let number = dup(0), (0..<1023).contains(number) {} }

            // The client's end has no room: connecting fails.
            var error: SocketError?
            for _ in 0..<10 where error == nil {
                fill()
                do {
                    _ = try await TCPConnection.connect(to: listener.localAddress, on: group)
                } catch let failure as SocketError {
                    error = failure
                }
            }
            try #require(error?.code == .tooManyDescriptors)
            try #require(error.map { "\($0)" }?.contains("select(2)") == true)
            // That is known after the handshake began, so the other end may have been accepted.

            // The server's end has none, on a group that has: reading fails, accepting does not.
            let roomy = try EventLoopGroup(loops: 1, backend: .poll)
            var clients: [TCPConnection] = []
            var readError: SocketError?
            for _ in 0..<10 where readError == nil {
                fill()
                clients.append(try await .connect(to: listener.localAddress, on: roomy))
                let accepted = try await listener.accept()
                do {
                    // Nothing comes: if a gap gave it room, it waits.
                    try await withTimeout(.seconds(1), on: roomy) {
                        _ = try await accepted.read(atMost: 1)
                    }
                } catch let failure as SocketError where failure.code != .timedOut {
                    readError = failure
                } catch is SocketError {}
            }
            try #require(readError?.code == .tooManyDescriptors)
            try #require(readError.map { "\($0)" }?.contains("FD_SETSIZE") == true)
            for client in clients { client.close() }
        }
    }
}
