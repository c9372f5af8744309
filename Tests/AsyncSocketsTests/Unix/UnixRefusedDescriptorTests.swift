import Glibc
import SocketReactor
import Synchronization
import TestKit
import Testing

@testable import AsyncSockets

@Suite(
    "Descriptors that nobody asked for",
    .descriptorsBalanced,
    .fewAtOnce,
    .endsHangs
)
struct UnixRefusedDescriptorTests {
    /// What keeps descriptors out.
    enum Guard: CaseIterable {
        /// The kernel, if it can.
        case kernel
        /// The reads, as on a kernel that cannot.
        case reads

        var isKernel: Bool { self == .kernel && kernelRefusesDescriptors }

        var options: ListenOptions {
            let letsIn = self == .reads && kernelRefusesDescriptors
            return ListenOptions(socketOptions: letsIn ? [.set(.receiveDescriptors, true)] : [])
        }
    }

    /// Sends text with descriptors, or without them if they are refused.
    private func write(
        _ text: String,
        passing descriptors: [OwnedDescriptor],
        to connection: UnixConnection,
        isRefused: Bool
    ) async throws {
        let refused = await code { try await connection.write(text, passing: descriptors) }
        #expect(refused == (isRefused ? .errno(EPERM) : nil))
        if refused != nil { try await connection.write(text) }
    }

    @Test("do not fill the table of a server that reads lines", arguments: Guard.allCases)
    func flood(_ kind: Guard) async throws {
        let listener = try UnixListener.bind(to: .unixUnnamed, options: kind.options)
        let served = Mutex<[UnixConnection]>([])
        let server = Task {
            try await serve(listener) { connection in
                served.withLock { $0.append(connection) }
                for try await line in connection.lines { try await connection.write(line + "\n") }
            }
        }
        let traced = TracedDescriptor()
        var clients: [UnixConnection] = []
        for _ in 0..<60 {
            let client = try await UnixConnection.connect(to: listener.localAddress)
            clients.append(client)
            // Its own end, too: a server that kept it would never see the client leave.
            let most = UnixMessage.maximumDescriptors
            let passed =
                [OwnedDescriptor](repeating: traced.writer, count: most - 1)
                + [try client.duplicateDescriptor()]
            try await write("x", passing: passed, to: client, isRefused: kind.isKernel)
        }
        let haveRead = await eventually {
            served.withLock { $0.count == 60 && $0.allSatisfy { $0.unreadBytes == [0x78] } }
        }
        #expect(haveRead)
        #expect(traced.copiesHere == 1, "this process's own")
        for client in clients {
            try await client.write("yz\n")
            #expect(try await client.read(until: [0x0a]) == Array("xyz\n".utf8))
            client.close()
        }
        let haveLeft = await eventually { served.withLock { $0.allSatisfy(\.isClosed) } }
        #expect(haveLeft)
        server.cancel()
        try await server.value
    }

    /// The reading verbs.
    enum Verb: CaseIterable { case chunks, lines, exactly, until, into }

    @Test(
        "hold up no read of what was sent behind them",
        arguments: Guard.allCases,
        Verb.allCases
    )
    func nothingIsMissed(_ kind: Guard, _ verb: Verb) async throws {
        let listener = try UnixListener.bind(to: .unixUnnamed, options: kind.options)
        let client = try await UnixConnection.connect(to: listener.localAddress)
        let server = try await listener.accept()
        #expect(server.stopsWithin.load(ordering: .relaxed) != kind.isKernel)
        let traced = TracedDescriptor()
        let passed = [traced.writer]
        for _ in 0..<5 {
            try await write("ab", passing: passed, to: client, isRefused: kind.isKernel)
            try await client.write("c\n")
            try await write("d", passing: passed, to: client, isRefused: kind.isKernel)
            try await write("ef\n", passing: passed, to: client, isRefused: kind.isKernel)
        }
        traced.writer.close()
        let all = Array(String(repeating: "abc\ndef\n", count: 5).utf8)
        await letLoopsLook()
        let received = try await withEventLoops { try await read(verb, all.count, from: server) }
        #expect(received == all)
        #expect(await traced.isClosed())
        let unsupported = await code { _ = try await server.readWithDescriptors() }
        #expect(unsupported == .notSupported)
    }

    /// The loops have seen that everything is there, so no later event can wake a reader that
    /// takes a short read for the last one.
    private func letLoopsLook() async { try? await Task.sleep(for: .milliseconds(50)) }

    private func read(
        _ verb: Verb,
        _ count: Int,
        from connection: UnixConnection
    ) async throws -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64)
        var chunks = connection.makeAsyncIterator()
        var lines = connection.lines.makeAsyncIterator()
        while all.count < count {
            switch verb {
            case .chunks: all += try await chunks.next() ?? []
            case .lines: all += Array((try await lines.next() ?? "").utf8) + [0x0a]
            case .exactly: all += try await connection.read(exactly: 4)
            case .until: all += try await connection.read(until: [0x0a]) ?? []
            case .into:
                var span = buffer.mutableSpan
                let count = try await connection.read(into: &span)
                all += buffer[..<count]
            }
        }
        return all
    }

    @Test("are refused by clients, pairs and adopted sockets")
    func otherSockets() async throws {
        let traced = TracedDescriptor()
        let refusal: SocketError.Code? = kernelRefusesDescriptors ? .errno(EPERM) : nil
        func send(over connection: UnixConnection) async -> SocketError.Code? {
            await code { try await connection.write("x", passing: [traced.writer]) }
        }
        let (client, server) = try await unixPair(receivesDescriptors: true)
        #expect(await send(over: server) == refusal)
        #expect(await send(over: client) == nil)
        #expect(try await server.readWithDescriptors()?.descriptors.count == 1)
        let (first, second) = try UnixConnection.pair()
        #expect(await send(over: first) == refusal)
        #expect(await send(over: second) == refusal)
        let (left, right) = try UnixConnection.pair(receivesDescriptors: true)
        for (sender, receiver) in [(left, right), (right, left)] {
            #expect(await send(over: sender) == nil)
            #expect(try await receiver.readWithDescriptors()?.descriptors.count == 1)
        }
        // A connection changes hands, and its new owner decides.
        let (near, far) = try UnixConnection.pair()
        let asking = try UnixConnection(adopting: far.detach(), receivesDescriptors: true)
        #expect(await send(over: near) == nil)
        #expect(try await asking.readWithDescriptors()?.descriptors.count == 1)
        #expect(await send(over: near) == nil)
        let silent = try UnixConnection(adopting: asking.detach())
        #expect(await send(over: near) == refusal)
        try await near.write("y")
        let text = Array((refusal == nil ? "xxy" : "xy").utf8)
        #expect(try await silent.read(exactly: text.count) == text)
        #expect(traced.copiesHere == 1)
    }

    @Test("are closed if they came before their listener was adopted, and refused afterwards")
    func adoptedListener() async throws {
        let directory = TemporaryDirectory()
        let raw = RawUnixSocket(SOCK_STREAM)
        try #require(raw.bind(to: directory.file("socket")) == 0)
        try #require(listen(raw.descriptor, 8) == 0)
        let address = try directory.address("socket")
        let early = try await UnixConnection.connect(to: address)
        let traced = TracedDescriptor()
        try await early.write("a", passing: [traced.writer])
        try await early.write("b\n")
        let listener = try UnixListener(adopting: dup(raw.descriptor))
        let late = try await UnixConnection.connect(to: address)
        try await write(
            "ab\n",
            passing: [traced.writer],
            to: late,
            isRefused: kernelRefusesDescriptors
        )
        for isKnown in [false, kernelRefusesDescriptors] {
            let server = try await listener.accept()
            #expect(server.stopsWithin.load(ordering: .relaxed) != isKnown)
            #expect(try await server.read(until: [0x0a]) == Array("ab\n".utf8))
        }
        #expect(traced.copiesHere == 1)
        let asking = try UnixListener(adopting: dup(raw.descriptor), receivesDescriptors: true)
        let client = try await UnixConnection.connect(to: address)
        let server = try await asking.accept()
        try await client.write("x", passing: [traced.writer])
        #expect(try await server.readWithDescriptors()?.descriptors.count == 1)
    }

    @Test("make reads look out for them only after an option that lets something in")
    func options() async throws {
        let listener = try UnixListener.bind(to: .unixUnnamed)
        func accepted() async throws -> UnixConnection {
            _ = try await UnixConnection.connect(to: listener.localAddress)
            return try await listener.accept()
        }
        func looksOut(_ connection: UnixConnection) -> Bool {
            connection.stopsWithin.load(ordering: .relaxed)
        }
        let connection = try await accepted()
        try connection.set(.sendBufferSize, to: 65536)
        #expect(looksOut(connection) == !kernelRefusesDescriptors)
        try connection.set(.integer(level: SOL_SOCKET, name: SO_PASSCRED), to: 1)
        #expect(looksOut(connection))
        try listener.set(.receiveBufferSize, to: 65536)
        #expect(looksOut(try await accepted()) == !kernelRefusesDescriptors)
        try listener.set(.receiveCredentials, to: true)
        #expect(looksOut(try await accepted()))
        // Shared, it may get another setting at any time; then each connection is asked.
        try listener.set(.receiveCredentials, to: false)
        _ = try listener.duplicateDescriptor()
        #expect(looksOut(try await accepted()) == !kernelRefusesDescriptors)
    }

    @Test("need an option that TCP does not have, and that the error names")
    func notSupported() async throws {
        let listening = ListenOptions(receivesDescriptors: true)
        let connecting = ConnectOptions(receivesDescriptors: true)
        let bound = await code { _ = try TCPListener.bind(to: "127.0.0.1:0", options: listening) }
        #expect(bound == .notSupported)
        let connected = await code {
            _ = try await TCPConnection.connect(to: "127.0.0.1:1", options: connecting)
        }
        #expect(connected == .notSupported)
        let served = await code {
            let options = ServeOptions(listening: listening)
            try await serve(at: "127.0.0.1:0", options: options) { _ in }
        }
        #expect(served == .notSupported)
        let (first, _) = try UnixConnection.pair()
        let error = await #expect(throws: SocketError.self) {
            _ = try await first.readWithDescriptors(exactly: 1)
        }
        #expect(error?.description.contains("option receivesDescriptors") == true)
    }

    @Test(
        "include the credentials of another sender: reads go on behind them",
        .enabled(if: Foreign.hasPython)
    )
    func anotherSender() async throws {
        let directory = TemporaryDirectory()
        let listener = try UnixListener.bind(
            to: try directory.address(),
            options: ListenOptions(socketOptions: [.set(.receiveCredentials, true)])
        )
        let script = """
            import os, socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1] + "/socket")
            for text in [b"ab", b"cd"]:
                s.sendall(text)
                if os.fork() == 0:
                    s.sendall(text.upper())
                    os._exit(0)
                os.wait()
            s.recv(1)
            """
        async let output = Foreign.python(script, in: directory)
        let server = try await listener.accept()
        let all = Array("abABcdCD".utf8)
        var length: CInt = 0
        let haveArrived = await eventually {
            _ = server.registration.use { unsafe ioctl($0, UInt(FIONREAD), &length) }
            return length == all.count
        }
        #expect(haveArrived)
        await letLoopsLook()
        let received = try await withEventLoops { try await read(.chunks, all.count, from: server) }
        #expect(received == all)
        try await server.write("!")
        #expect(await output == "")
    }
}
