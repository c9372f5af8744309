import AsyncSockets
import Glibc
import TestKit
import Testing

/// Each failure that TCP users meet: its code, and its sentence with operation, addresses and
/// cause.
@Suite("An error", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct TCPErrorTests {
    private func error(_ body: () async throws -> Void) async -> SocketError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? SocketError
        }
    }

    @Test("says that the address is in use")
    func addressInUse() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let failure = await error { _ = try TCPListener.bind(to: listener.localAddress) }
        #expect(failure?.code == .addressInUse)
        #expect(
            failure?.description
                == "bind \(listener.localAddress): address already in use (EADDRINUSE)"
        )
    }

    @Test("says that no socket listens")
    func refused() async throws {
        let hosts = try LoopbackHosts()
        let address = try SocketAddress("\(hosts.refusing):\(hosts.port)")
        let failure = await error { _ = try await TCPConnection.connect(to: address) }
        #expect(failure?.code == .connectionRefused)
        #expect(failure?.remoteAddress == address)
        #expect(failure?.errno == ECONNREFUSED)
        let local = try #require(failure?.localAddress)
        #expect(local.ip == .v4(.loopback) && local.port != 0)
        #expect(
            failure?.description
                == "connect \(address) from \(local): connection refused (ECONNREFUSED)"
        )
    }

    @Test("says which option the kernel refused before a socket was bound or connected")
    func refusedOption() async throws {
        let options: [SocketOptionSetting] = [.set(.bindToDevice, "nosuchdevice")]
        let binding = await error {
            _ = try TCPListener.bind(
                to: "127.0.0.1:0",
                options: ListenOptions(socketOptions: options)
            )
        }
        #expect(binding?.operation == .bind)
        #expect(binding?.reason?.contains("nosuchdevice") == true)
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let connecting = await error {
            _ = try await TCPConnection.connect(
                to: listener.localAddress,
                options: ConnectOptions(socketOptions: options)
            )
        }
        #expect(connecting?.operation == .connect)
        #expect(connecting?.reason?.contains("nosuchdevice") == true)
    }

    @Test("says that a network is unreachable")
    func unreachable() async throws {
        // Linux has no way to a multicast group for TCP; no packet leaves.
        let failure = await error { _ = try await TCPConnection.connect(to: "224.0.0.1:9") }
        let expected: Set<SocketError.Code?> = [
            .networkUnreachable, .hostUnreachable, .invalidArgument,
        ]
        #expect(expected.contains(failure?.code))
    }

    @Test("says that an address is not this machine's")
    func notAvailable() async throws {
        let failure = await error { _ = try TCPListener.bind(to: "203.0.113.1:0") }
        #expect(failure?.code == .addressNotAvailable)
        let options = ConnectOptions(localAddress: try SocketAddress("203.0.113.1:0"))
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let connecting = await error {
            _ = try await TCPConnection.connect(to: listener.localAddress, options: options)
        }
        #expect(connecting?.code == .addressNotAvailable)
    }

    @Test("says that an ordinary user may not have port 1", .enabled(if: ThreadSanitizer.isOff))
    func permission() async {
        await #expect(processExitsWith: .success) {
            // A user number without an owner; a process of our own may give up its rights.
            if getuid() == 0 { try #require(setuid(65534) == 0) }
            let threshold = String(decoding: contents(unprivilegedPorts), as: UTF8.self)
            if threshold.hasPrefix("0") { return }
            do {
                _ = try TCPListener.bind(to: "127.0.0.1:1")
                Issue.record("bound")
            } catch let error as SocketError {
                #expect(error.code == .permissionDenied)
                #expect(error.description.contains("ports below 1024"))
            }
        }
    }

    @Test("says that a socket is closed already")
    func closed() async throws {
        let (client, server) = try await tcpPair()
        client.close()
        let failure = await error { _ = try await client.read(atMost: 1) }
        #expect(failure?.code == .closed)
        let peer = try #require(server.localAddress)
        #expect(failure?.description == "read from \(peer): the socket is closed")
    }

    @Test("says that TCP wants another kind of address")
    func wrongFamily() async {
        for text in ["unix:/tmp/x", "unix:@x"] {
            let binding = await error { _ = try TCPListener.bind(to: text) }
            #expect(binding?.code == .wrongAddressFamily)
            let connecting = await error { _ = try await TCPConnection.connect(to: text) }
            #expect(connecting?.code == .wrongAddressFamily)
        }
        let options = ConnectOptions(localAddress: try? SocketAddress("[::1]:0"))
        let mixed = await error {
            _ = try await TCPConnection.connect(to: "127.0.0.1:9", options: options)
        }
        #expect(mixed != nil)
    }

    @Test("says that port 0 cannot be reached, and that a text is not an address")
    func nonsense() async {
        let port = await error { _ = try await TCPConnection.connect(to: "127.0.0.1:0") }
        #expect(port?.code == .invalidArgument)
        for text in ["", "127.0.0.1", "127.0.0.1:70000", "localhost:80", "[::1:80"] {
            let failure = await error { _ = try TCPListener.bind(to: text) }
            #expect(failure?.code == .invalidAddress, "\(text)")
            #expect(failure?.operation == .bind || failure?.operation == .parse)
        }
        let long = "unix:/" + String(repeating: "x", count: 200)
        #expect(await error { _ = try TCPListener.bind(to: long) } != nil)
    }

    @Test("says that the descriptor limit is reached", .enabled(if: ThreadSanitizer.isOff))
    func descriptorLimit() async {
        await #expect(processExitsWith: .success) {
            let listener = try TCPListener.bind(to: "127.0.0.1:0")
            var limit = rlimit(rlim_cur: 64, rlim_max: 64)
            try #require(unsafe setrlimit(__rlimit_resource_t(7), &limit) == 0)
            while dup(0) >= 0 {}
            do {
                _ = try await TCPConnection.connect(to: listener.localAddress)
                Issue.record("connected")
            } catch let error as SocketError {
                #expect(error.code == .tooManyDescriptors)
                #expect(error.description.contains("ulimit -n"))
            }
        }
    }

    @Test("says that a group has no loops, and none for zero")
    func noLoops() async {
        let failure = await error { _ = try EventLoopGroup(loops: 0) }
        #expect(failure?.code == .invalidArgument)
    }
}

private let unprivilegedPorts = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
