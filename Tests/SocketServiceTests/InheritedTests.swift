internal import AsyncSockets
internal import Glibc
internal import SocketSystem
internal import TestKit
import Testing

@testable import SocketService

@Suite(.fewAtOnce, .endsHangs)
struct InheritedTests {
    private func parse(_ process: String?, _ count: String?, _ names: String?) -> [String] {
        InheritedDescriptors.parse(process: process, count: count, names: names, ownProcess: 42)
            .map { "\($0.number)=\($0.name)" }
    }

    @Test("LISTEN_FDS is for the process in LISTEN_PID alone")
    func parsesListenVariables() {
        #expect(parse("42", "2", "http:admin") == ["3=http", "4=admin"])
        #expect(parse("42", "2", nil) == ["3=unknown", "4=unknown"])
        #expect(parse("42", "3", "a::") == ["3=a", "4=", "5="])
        #expect(parse("42", "2", "a") == ["3=a", "4=unknown"])
        #expect(parse("42", "1", "a:b") == ["3=a"])
        #expect(parse("43", "2", "http:admin").isEmpty)
        #expect(parse(nil, "2", nil).isEmpty)
        #expect(parse("42", nil, "a").isEmpty)
        for count in ["0", "-1", "two", "", "4294967297", "2147483647"] {
            #expect(parse("42", count, nil).isEmpty, "\(count)")
        }
    }

    @Test("the first use of anything inherited removes the variables from the environment")
    func clearsEnvironment() async {
        // The environment belongs to the whole process: another one.
        await #expect(processExitsWith: .success) {
            let variables = [
                "LISTEN_PID": "\(currentProcess)", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "echo",
                "ASYNCSOCKETS_SUPERVISOR": "1", "ASYNCSOCKETS_LISTEN_FILES": "",
            ]
            for (name, value) in variables { unsafe setenv(name, value, 1) }
            #expect(WorkerProcesses.isWorker)
            for name in variables.keys { #expect(environmentVariable(name) == nil) }
            #expect(inheritedDescriptors(named: "echo") == [3])
            #expect(inheritedDescriptors(named: "echo").isEmpty)
        }
    }

    @Test("a process that a supervisor started is a worker; one that a worker started is not")
    func workerMarker() {
        func parse(_ process: String?, _ supervisor: String?) -> CInt? {
            InheritedDescriptors.supervisor(
                process: process,
                supervisor: supervisor,
                ownProcess: 42
            )
        }
        #expect(parse("42", "7") == 7)
        #expect(parse("41", "7") == nil)
        #expect(parse("42", nil) == nil)
        #expect(parse(nil, "7") == nil)
        #expect(parse("42", "seven") == nil)
        // The tests were not started as a worker.
        #expect(!WorkerProcesses.isWorker)
    }

    /// What another process would inherit.
    private func passing(_ sockets: [SharedSocket]) throws -> InheritedDescriptors {
        InheritedDescriptors(
            try sockets.flatMap { socket in try socket.duplicates().map { (socket.name, $0) } }
        )
    }

    @Test("several sockets with one name become one listener over the loops", .descriptorsBalanced)
    func shardsBecomeOneListener() async throws {
        let group = try EventLoopGroup(loops: 2)
        let original = try shardedListener(on: group)
        let inherited = try passing([SharedSocket(of: original, named: "echo")])
        let listener = try #require(
            try TCPListener.inherited(named: "echo", from: inherited, on: group)
        )
        #expect(listener.localAddresses == [original.localAddress])
        #expect(try listener.duplicateDescriptors().count == 2)
        original.close()
        for _ in 0..<20 {
            async let client = TCPConnection.connect(to: listener.localAddress, on: group)
            _ = try await listener.accept()
            _ = try await client
        }
        listener.close()
        await group.shutdown()
    }

    @Test("every address of a host is shared under one name, and inherited as one listener")
    func addressesBecomeOneListener() async throws {
        let shared = try await SharedSocket.listen(at: "localhost", port: 0, named: "echo")
        #expect(try passing([shared]).take(named: nil) { (_) throws(Never) in }.count == 2)
        let listener = try #require(
            try TCPListener.inherited(named: "echo", from: passing([shared]), on: .shared)
        )
        #expect(Set(listener.localAddresses.map(\.port)).count == 1)
        #expect(Set(listener.localAddresses.map(\.family)) == [.ipv4, .ipv6])
        for address in listener.localAddresses {
            async let client = TCPConnection.connect(to: address)
            _ = try await listener.accept()
            _ = try await client
        }
    }

    @Test("a shared socket that is closed cannot be passed, and refuses its clients")
    func closedSharedSocket() async throws {
        let shared = try SharedSocket.listen(at: "127.0.0.1:0", named: "echo")
        shared.close()
        shared.close()
        #expect(throws: SocketError.self) { try shared.duplicates() }
        await #expect(throws: SocketError.self) {
            try await TCPConnection.connect(to: shared.localAddress)
        }
        let name = #expect(throws: SocketError.self) {
            try SharedSocket.listen(at: "127.0.0.1:0", named: "a:b")
        }
        #expect(name?.code == .invalidArgument)
    }

    @Test("Unix listeners of both kinds are inherited, and their file is left alone")
    func inheritsUnixListeners() async throws {
        let directory = TemporaryDirectory()
        let stream = try UnixListener.bind(to: "unix:\(directory.path)/stream")
        let packet = try UnixPacketListener.bind(to: "unix:\(directory.path)/packet")
        let inherited = try passing([
            SharedSocket(of: stream, named: "stream"), SharedSocket(of: packet, named: "packet"),
        ])
        do {
            let listener = try #require(
                try UnixListener.inherited(named: "stream", from: inherited, on: .shared)
            )
            async let client = UnixConnection.connect(to: listener.localAddress)
            _ = try await listener.accept()
            _ = try await client
            listener.close()
            let packets = try #require(
                try UnixPacketListener.inherited(named: "packet", from: inherited, on: .shared)
            )
            async let other = UnixPacketConnection.connect(to: packets.localAddress)
            _ = try await packets.accept()
            _ = try await other
            packets.close()
        }
        // The first owner goes on.
        async let client = UnixConnection.connect(to: stream.localAddress)
        _ = try await stream.accept()
        _ = try await client
    }

    @Test("the file of a Unix socket goes to the version that takes it over, once that is ready")
    func fileGoesToSuccessor() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("socket")
        let address = "unix:\(path)"
        try handOver(at: path, from: UnixListener.bind(to: address)) {
            try SharedSocket(of: $0, named: "echo")
        }
        try handOver(at: path, from: UnixPacketListener.bind(to: address)) {
            try SharedSocket(of: $0, named: "echo")
        }
        try handOver(at: path, from: UnixDatagramSocket.bind(to: address)) {
            try SharedSocket(of: $0, named: "echo")
        }
    }

    private func handOver<Kind: Inheritable & Closable>(
        at path: String,
        from first: Kind,
        _ share: (Kind) throws -> SharedSocket
    ) throws {
        func next() throws -> (InheritedDescriptors, Kind) {
            let shared = try share(first)
            let numbers = try shared.duplicates()
            let files = InheritedDescriptors.files(shared.file?.claim, of: numbers)
            let inherited = InheritedDescriptors([("echo", numbers[0])], files: files)
            let taken = try Kind.inherited(named: nil, from: inherited, on: .shared)
            return (inherited, try #require(taken))
        }
        do {
            let (_, failing) = try next()
            #expect(try share(failing).file?.claim == nil)
            failing.close()
            #expect(fileExists(path))
        }
        let (inherited, second) = try next()
        inherited.handover.complete()
        #expect(try share(second).file?.claim == share(first).file?.claim)
        second.close()
        #expect(!fileExists(path))
        first.close()
    }

    @Test("a file that has replaced the one handed over is not removed")
    func strangersFileStays() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("socket")
        let first = try UnixListener.bind(to: "unix:\(path)")
        let shared = try SharedSocket(of: first, named: "echo")
        let claim = try #require(shared.file?.claim)
        let numbers = try shared.duplicates()
        // Two at once are two files.
        #expect(unsafe rename(path, path + ".old") == 0)
        let other = try UnixListener.bind(to: "unix:\(path)")
        let inherited = InheritedDescriptors([("echo", numbers[0])], files: [numbers[0]: claim])
        inherited.handover.complete()
        let second = try #require(
            try UnixListener.inherited(named: nil, from: inherited, on: .shared)
        )
        second.close()
        #expect(fileExists(path))
        other.close()
    }

    @Test("which files go along is said for each descriptor")
    func parsesFileClaims() {
        #expect(InheritedDescriptors.files(":1.a::2.b", of: [3, 4, 5, 6]) == [4: "1.a", 6: "2.b"])
        #expect(InheritedDescriptors.files("1.a:2.b", of: [3]) == [3: "1.a"])
        #expect(InheritedDescriptors.files("1.a", of: []).isEmpty)
        #expect(InheritedDescriptors.files(nil, of: [3]).isEmpty)
        #expect(InheritedDescriptors.files("", of: [3]).isEmpty)
    }

    @Test("datagram sockets are inherited, one with each call")
    func inheritsDatagramSockets() async throws {
        let udp = try UDPSocket.bind(to: "127.0.0.1:0")
        let unix = try UnixDatagramSocket.bind(to: "unix:")
        let inherited = try passing([
            SharedSocket(of: udp, named: "dns"), SharedSocket(of: udp, named: "dns"),
            SharedSocket(of: unix, named: "log"),
        ])
        let first = try #require(
            try UDPSocket.inherited(named: "dns", from: inherited, on: .shared)
        )
        #expect(first.localAddress == udp.localAddress)
        #expect(try UDPSocket.inherited(named: "dns", from: inherited, on: .shared) != nil)
        #expect(try UDPSocket.inherited(named: "dns", from: inherited, on: .shared) == nil)
        let log = try #require(
            try UnixDatagramSocket.inherited(named: nil, from: inherited, on: .shared)
        )
        let (sender, _) = (try UnixDatagramSocket.bind(to: "unix:"), unix)
        try await sender.send([1, 2, 3], to: #require(unix.localAddress as SocketAddress?))
        #expect(try await log.receive().bytes == [1, 2, 3])
    }

    @Test("sockets of several kinds may have one name: each kind takes its own")
    func oneNameForSeveralKinds() async throws {
        let directory = TemporaryDirectory()
        let tcp = try TCPListener.bind(to: "127.0.0.1:0")
        let udp = try UDPSocket.bind(to: "127.0.0.1:0")
        let unix = try UnixListener.bind(to: "unix:\(directory.path)/stream")
        func all() throws -> InheritedDescriptors {
            try passing([
                SharedSocket(of: tcp, named: "dns"), SharedSocket(of: udp, named: "dns"),
                SharedSocket(of: unix, named: "dns"), SharedSocket(of: tcp, named: "dns"),
                SharedSocket(of: udp, named: "dns"),
            ])
        }
        for name in ["dns", nil] {
            let inherited = try all()
            for _ in 0..<2 {
                let socket = try UDPSocket.inherited(named: name, from: inherited, on: .shared)
                #expect(socket?.localAddress == udp.localAddress)
            }
            #expect(try UDPSocket.inherited(named: name, from: inherited, on: .shared) == nil)
            let listener = try TCPListener.inherited(named: name, from: inherited, on: .shared)
            #expect(try listener?.duplicateDescriptors().count == 2)
            #expect(try TCPListener.inherited(named: name, from: inherited, on: .shared) == nil)
            let stream = try UnixListener.inherited(named: name, from: inherited, on: .shared)
            #expect(stream?.localAddress == unix.localAddress)
            #expect(inherited.take(named: nil) { (_) throws(Never) in }.isEmpty)
        }
    }

    @Test("a descriptor of another kind is an error of every kind of socket, and stays")
    func wrongKindIsRefused() async throws {
        let counter = try openEventCounter().release()
        let stream = try await tcpPair().client.detach()
        let inherited = InheritedDescriptors([("counter", counter), ("stream", stream)])
        for name in ["counter", "stream"] {
            // Neither an eventfd nor a connection is any of these.
            let attempts: [() throws -> Any?] = [
                { try TCPListener.inherited(named: name, from: inherited, on: .shared) },
                { try UnixListener.inherited(named: name, from: inherited, on: .shared) },
                { try UnixPacketListener.inherited(named: name, from: inherited, on: .shared) },
                { try UDPSocket.inherited(named: name, from: inherited, on: .shared) },
                { try UnixDatagramSocket.inherited(named: name, from: inherited, on: .shared) },
            ]
            for attempt in attempts {
                let error = #expect(throws: SocketError.self) { try attempt() }
                #expect(error?.operation == .inherit)
            }
        }
        #expect(try TCPListener.inherited(named: "other", from: inherited, on: .shared) == nil)
        let rest = inherited.take(named: nil) { (_) throws(Never) in }
        #expect(rest == [counter, stream])
        for descriptor in rest { closeDescriptor(descriptor) }
    }

    @Test(
        "loops that are shut down take nothing and leak nothing",
        ChildLoopRuns(),
        .descriptorsBalanced
    )
    func shutDownLoops() async throws {
        let shared = try SharedSocket.listen(at: "127.0.0.1:0", named: "echo")
        let group = try EventLoopGroup(loops: 1)
        await group.shutdown()
        let inherited = try passing([shared, shared])
        #expect(throws: SocketError.self) {
            try TCPListener.inherited(named: "echo", from: inherited, on: group)
        }
        for rest in inherited.take(named: nil, checking: { (_) throws(Never) in }) {
            closeDescriptor(rest)
        }
        shared.close()
    }

    @Test("inherited descriptors become close-on-exec and non-blocking")
    func setsDescriptorFlags() throws {
        let shared = try SharedSocket.listen(at: "127.0.0.1:0", named: "echo")
        let numbers = try shared.duplicates()
        _ = fcntl(numbers[0], F_SETFD, 0)
        _ = fcntl(numbers[0], F_SETFL, 0)
        let listener = try #require(
            try TCPListener.inherited(
                named: nil,
                from: InheritedDescriptors(numbers.map { ("echo", $0) }),
                on: .shared
            )
        )
        #expect(fcntl(numbers[0], F_GETFD) & FD_CLOEXEC != 0)
        #expect(fcntl(numbers[0], F_GETFL) & O_NONBLOCK != 0)
        withExtendedLifetime(listener) {}
    }
}

private protocol Closable {
    func close()
}

extension UnixListener: Closable {}
extension UnixPacketListener: Closable {}
extension UnixDatagramSocket: Closable {}
