import AsyncSockets
import Glibc
import TestKit
import Testing

/// A way to make a socket with a file of its own. In every way the file comes and goes alike.
struct FileOwner: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Binds to the address; `away` is the address of a listener for a connecting kind.
    let make:
        @Sendable (_ address: SocketAddress, _ options: SocketFileOptions) async throws -> Bound

    /// The socket: kept, closed, or taken apart.
    struct Bound: Sendable {
        let close: @Sendable () -> Void
        let detach: @Sendable () throws -> CInt
    }

    static let all: [FileOwner] = [
        FileOwner(testDescription: "stream listener") { address, file in
            let options = ListenOptions(socketFile: file)
            let socket = try UnixListener.bind(to: address, options: options)
            return Bound(close: { socket.close() }, detach: { try socket.detach() })
        },
        FileOwner(testDescription: "packet listener") { address, file in
            let options = ListenOptions(socketFile: file)
            let socket = try UnixPacketListener.bind(to: address, options: options)
            return Bound(close: { socket.close() }, detach: { try socket.detach() })
        },
        FileOwner(testDescription: "datagram socket") { address, file in
            let socket = try UnixDatagramSocket.bind(to: address, file: file)
            return Bound(close: { socket.close() }, detach: { try socket.detach() })
        },
        FileOwner(testDescription: "stream client") { address, file in
            let listener = try UnixListener.bind(to: .unixUnnamed)
            var options = ConnectOptions(localAddress: address)
            options.socketFile = file
            let to = listener.localAddress
            let socket = try await UnixConnection.connect(to: to, options: options)
            return Bound(close: { socket.close() }, detach: { try socket.detach() })
        },
        FileOwner(testDescription: "packet client") { address, file in
            let listener = try UnixPacketListener.bind(to: .unixUnnamed)
            var options = ConnectOptions(localAddress: address)
            options.socketFile = file
            let to = listener.localAddress
            let socket = try await UnixPacketConnection.connect(to: to, options: options)
            return Bound(close: { socket.close() }, detach: { try socket.detach() })
        },
        FileOwner(testDescription: "connected datagram socket") { address, file in
            let peer = try UnixDatagramSocket.bind(to: .unixUnnamed)
            var options = ConnectOptions(localAddress: address)
            options.socketFile = file
            let to = try #require(peer.localAddress)
            let socket = try await UnixDatagramSocket.connect(to: to, options: options)
            return Bound(close: { socket.close() }, detach: { try socket.detach() })
        },
    ]
}

@Suite(
    "The file of every kind of Unix socket",
    .descriptorsBalanced,
    .fewAtOnce,
    .endsHangs
)
struct UnixFileMatrixTests {
    let directory = TemporaryDirectory()

    private var exists: Bool { fileExists(directory.file("socket")) }

    private func make(
        _ owner: FileOwner,
        _ options: SocketFileOptions = SocketFileOptions()
    ) async throws -> FileOwner.Bound {
        try await owner.make(try directory.address(), options)
    }

    @Test("goes when the socket is closed, and once only", arguments: FileOwner.all)
    func goesWhenClosed(_ owner: FileOwner) async throws {
        let socket = try await make(owner)
        #expect(exists)
        socket.close()
        #expect(!exists)
        makeFile(directory.file("socket"))
        socket.close()
        #expect(exists, "somebody else's")
    }

    @Test("goes with the last reference", arguments: FileOwner.all)
    func goesWhenDropped(_ owner: FileOwner) async throws {
        _ = try await make(owner)
        #expect(await eventually { !exists })
    }

    @Test("that is gone already is no trouble", arguments: FileOwner.all)
    func goneBefore(_ owner: FileOwner) async throws {
        let socket = try await make(owner)
        removeFile(directory.file("socket"))
        socket.close()
        #expect(!exists)
    }

    @Test("is left alone if another has its name now", arguments: FileOwner.all)
    func strangersFileStays(_ owner: FileOwner) async throws {
        let socket = try await make(owner)
        removeFile(directory.file("socket"))
        let other = RawUnixSocket(SOCK_STREAM)
        #expect(other.bind(to: directory.file("socket")) == 0)
        socket.close()
        #expect(exists)
    }

    @Test("stays if that was asked for", arguments: FileOwner.all)
    func staysIfAsked(_ owner: FileOwner) async throws {
        try await make(owner, SocketFileOptions(removesOnClose: false)).close()
        #expect(exists)
    }

    @Test("stays with the descriptor that is taken out", arguments: FileOwner.all)
    func staysWithDetachedDescriptor(_ owner: FileOwner) async throws {
        let descriptor = OwnedDescriptor(adopting: try await make(owner).detach())
        #expect(exists, "the socket object is gone, its descriptor is not")
        descriptor.close()
        #expect(exists)
        // It is stale now: the next one replaces it.
        try await onceDead { try await make(owner) }.close()
        #expect(!exists)
    }

    @Test("keeps its socket's name for the adopter of the descriptor")
    func adoptedAgain() async throws {
        let server = try UnixDatagramSocket.bind(to: try directory.address())
        let number = try server.detach()
        #expect(server.isClosed)
        #expect(await code { _ = try await server.receive() } == .closed)
        let again = try UnixDatagramSocket(adopting: number)
        let client = try await UnixDatagramSocket.connect(to: try directory.address())
        try await client.send("x")
        #expect(try await again.receive().bytes == [0x78])
    }

    @Test("is replaced even if its directory is locked, and without waiting")
    func lockedDirectory() async throws {
        let lock = unsafe open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { Glibc.close(lock) }
        #expect(flock(lock, LOCK_EX) == 0)
        #expect(RawUnixSocket(SOCK_STREAM).bind(to: directory.file("socket")) == 0)
        let listener = try await onceDead { try UnixListener.bind(to: directory.address()) }
        listener.close()
    }

    @Test(
        "says that descriptors are missing, not that it is in use",
        .enabled(if: ThreadSanitizer.isOff)
    )
    func noDescriptorLeft() async {
        await #expect(processExitsWith: .success) {
            let directory = TemporaryDirectory()
            let address = try directory.address()
            try #require(RawUnixSocket(SOCK_STREAM).bind(to: directory.file("socket")) == 0)
            _ = EventLoopGroup.shared.loopCount
            var hoard: [CInt] = []
            var limit = rlimit(rlim_cur: 256, rlim_max: 256)
            try #require(unsafe setrlimit(__rlimit_resource_t(7), &limit) == 0)
            while case let descriptor = dup(0), descriptor >= 0 { hoard.append(descriptor) }
            // With one for the socket, with another for the lock, and with all that it takes.
            for room in 0...3 {
                let result = await code { try UnixListener.bind(to: address).close() }
                #expect(result == (room < 3 ? .tooManyDescriptors : nil), "\(room) left")
                Glibc.close(hoard.removeLast())
            }
            for descriptor in hoard { Glibc.close(descriptor) }
        }
    }
}

@Suite("Options that Unix sockets do not have", .fewAtOnce, .endsHangs)
struct UnixOptionTests {
    @Test("are clear errors for listeners")
    func listening() async throws {
        for options in [ListenOptions(reusePort: true), ListenOptions(shards: .perLoop)] {
            let stream = await code { _ = try UnixListener.bind(to: "unix:", options: options) }
            #expect(stream == .notSupported)
            let packets = #expect(throws: SocketError.self) {
                try UnixPacketListener.bind(to: "unix:", options: options)
            }
            #expect(packets?.code == .notSupported)
            let name = options.reusePort ? "reusePort" : "shards"
            #expect(packets?.description.contains(name) == true)
        }
    }

    @Test("are clear errors for connecting")
    func connecting() async throws {
        let listener = try UnixListener.bind(to: .unixUnnamed)
        for options in [ConnectOptions(interface: "lo"), ConnectOptions(fastOpen: true)] {
            let result = await code {
                _ = try await UnixConnection.connect(to: listener.localAddress, options: options)
            }
            #expect(result == .notSupported)
        }
    }
}
