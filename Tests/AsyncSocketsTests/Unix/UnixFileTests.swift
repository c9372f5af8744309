import Glibc
import TestKit
import Testing

@testable import AsyncSockets

@Suite("The file of a Unix socket", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UnixFileTests {
    let directory = TemporaryDirectory()

    private func exists(_ name: String = "socket") -> Bool {
        var status = stat()
        return unsafe lstat(directory.file(name), &status) == 0
    }

    private func mode(_ name: String = "socket") -> mode_t {
        var status = stat()
        unsafe lstat(directory.file(name), &status)
        return status.st_mode & 0o7777
    }

    @Test("is made by bind and removed by close, once")
    func comesAndGoes() throws {
        let listener = try UnixListener.bind(to: try directory.address())
        #expect(exists())
        listener.close()
        #expect(!exists())
        let next = try UnixListener.bind(to: try directory.address())
        listener.close()
        #expect(exists(), "closing twice does not remove the next one's")
        next.close()
    }

    @Test("goes with the last reference, too")
    func goesWithReference() throws {
        _ = try UnixListener.bind(to: try directory.address())
        #expect(!exists())
        _ = try UnixDatagramSocket.bind(to: try directory.address())
        #expect(!exists())
    }

    @Test("of a socket that is dead is replaced, whatever kind it was")
    func staleIsReplaced() async throws {
        for type in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
            #expect(RawUnixSocket(type).bind(to: directory.file("socket")) == 0)
            let address = try directory.address()
            let listener = try await onceDead { try UnixListener.bind(to: address) }
            _ = try await UnixConnection.connect(to: listener.localAddress)
            listener.close()
            #expect(RawUnixSocket(type).bind(to: directory.file("socket")) == 0)
            let datagrams = try await onceDead { try UnixDatagramSocket.bind(to: address) }
            datagrams.close()
        }
    }

    @Test("of a socket that is alive is in use, and its owner notices nothing")
    func liveIsInUse() async throws {
        let listener = try UnixListener.bind(to: try directory.address())
        let datagrams = try UnixDatagramSocket.bind(to: try directory.address("datagrams"))
        let idle = RawUnixSocket(SOCK_STREAM)
        #expect(idle.bind(to: directory.file("idle")) == 0)
        for name in ["socket", "datagrams", "idle"] {
            let address = try directory.address(name)
            #expect(await code { _ = try UnixListener.bind(to: address) } == .addressInUse)
            #expect(await code { _ = try UnixPacketListener.bind(to: address) } == .addressInUse)
            #expect(await code { _ = try UnixDatagramSocket.bind(to: address) } == .addressInUse)
        }
        // The first accepted connection is the first one made: no probe came before.
        let client = try await UnixConnection.connect(to: listener.localAddress)
        let accepted = try await listener.accept()
        try await client.write("x")
        #expect(try await accepted.read(atMost: 1) == [0x78])
        datagrams.close()
    }

    @Test("of a dead socket stays if that is wanted")
    func staleMayStay() async throws {
        #expect(RawUnixSocket(SOCK_STREAM).bind(to: directory.file("socket")) == 0)
        let options = ListenOptions(socketFile: SocketFileOptions(replacesStale: false))
        let address = try directory.address()
        let result = await code { _ = try UnixListener.bind(to: address, options: options) }
        #expect(result == .addressInUse)
        #expect(exists())
    }

    @Test("is never a file of another kind")
    func othersAreNeverRemoved() async throws {
        makeFile(directory.file("plain"))
        makeDirectory(directory.file("folder"))
        defer { removeDirectory(directory.file("folder")) }
        makeLink(directory.file("dangling"), to: "nowhere")
        #expect(RawUnixSocket(SOCK_STREAM).bind(to: directory.file("dead")) == 0)
        makeLink(directory.file("link"), to: "dead")
        for name in ["plain", "folder", "dangling", "link"] {
            let address = try directory.address(name)
            #expect(await code { _ = try UnixListener.bind(to: address) } == .addressInUse)
            #expect(exists(name))
        }
        #expect(exists("dead"))
    }

    @Test("is not removed if another has taken its place")
    func replacedIsNotRemoved() throws {
        let listener = try UnixListener.bind(to: try directory.address())
        removeFile(directory.file("socket"))
        let other = RawUnixSocket(SOCK_STREAM)
        #expect(other.bind(to: directory.file("socket")) == 0)
        listener.close()
        #expect(exists(), "test_unix_server_cleanup_replaced")
        removeFile(directory.file("socket"))
        let next = try UnixListener.bind(to: try directory.address())
        removeFile(directory.file("socket"))
        next.close()
    }

    @Test("stays if that is wanted, and if the descriptor is taken out")
    func mayStay() throws {
        let options = ListenOptions(socketFile: SocketFileOptions(removesOnClose: false))
        try UnixListener.bind(to: try directory.address(), options: options).close()
        #expect(exists())
        let listener = try UnixListener.bind(to: try directory.address())
        let descriptor = OwnedDescriptor(adopting: try listener.detach())
        #expect(exists())
        let again = try descriptor.handOver { number throws(SocketError) in
            try UnixListener(adopting: number)
        }
        #expect(again.localAddress == listener.localAddress)
        again.close()
        #expect(exists(), "who adopts a socket did not make its file")
    }

    @Test("goes with a group that is shut down")
    func groupShutDown() async throws {
        let group = try EventLoopGroup(loops: 1)
        let listener = try UnixListener.bind(to: try directory.address(), on: group)
        await group.shutdown()
        listener.close()
        #expect(!exists())
    }

    @Test("stays if another is just taking it over, after its socket was closed by its loop")
    func takenOver() async throws {
        let group = try EventLoopGroup(loops: 1)
        let listener = try UnixListener.bind(to: try directory.address(), on: group)
        let datagrams = try UnixDatagramSocket.bind(to: try directory.address("second"), on: group)
        let client = try await UnixConnection.connect(
            to: listener.localAddress,
            options: ConnectOptions(localAddress: try directory.address("third")),
            on: group
        )
        await group.shutdown()
        var locks: [PathLock] = []
        for name in ["socket", "second", "third"] {
            locks.append(try #require(try PathLock(Array(directory.file(name).utf8))))
        }
        listener.close()
        datagrams.close()
        client.close()
        #expect(exists() && exists("second") && exists("third"))
        for lock in locks { lock.end() }
    }

    @Test("has the permissions that were asked for, more than the umask leaves or less")
    func permissions() throws {
        for permissions: UInt32 in [0o600, 0o666, 0o777, 0o000, 0o640] {
            let options = ListenOptions(socketFile: SocketFileOptions(permissions: permissions))
            let listener = try UnixListener.bind(to: try directory.address(), options: options)
            #expect(mode() == permissions)
            listener.close()
            let datagrams = try UnixDatagramSocket.bind(
                to: try directory.address(),
                file: SocketFileOptions(permissions: permissions)
            )
            #expect(mode() == permissions)
            datagrams.close()
        }
    }

    @Test("is never open to others for a moment")
    func permissionsWithoutWindow() async throws {
        let path = directory.file("socket")
        let watcher = Task.detached {
            var seen: Set<mode_t> = []
            var status = stat()
            while !Task.isCancelled {
                if unsafe lstat(path, &status) == 0 { seen.insert(status.st_mode & 0o777) }
            }
            return seen
        }
        let options = ListenOptions(socketFile: SocketFileOptions(permissions: 0o600))
        for _ in 0..<2000 {
            try UnixListener.bind(to: try directory.address(), options: options).close()
        }
        watcher.cancel()
        #expect(await watcher.value.isSubset(of: [0o600]))
    }

    @Test("that is stale goes to exactly one of those that bind at once")
    func racingBinds() async throws {
        let address = try directory.address()
        for _ in 0..<50 {
            #expect(RawUnixSocket(SOCK_STREAM).bind(to: directory.file("socket")) == 0)
            var winners: [UnixListener] = []
            // There is none for as long as a child that another test is starting has the socket.
            _ = await eventually {
                winners = await withTaskGroup(of: UnixListener?.self) { tasks in
                    for _ in 0..<8 { tasks.addTask { try? UnixListener.bind(to: address) } }
                    return await tasks.compactMap { $0 }.reduce(into: []) { $0.append($1) }
                }
                return !winners.isEmpty
            }
            #expect(winners.count == 1)
            let client = try await UnixConnection.connect(to: address)
            #expect(try client.peerCredentials.processID == getpid())
            for winner in winners { winner.close() }
            #expect(!exists())
        }
    }

    @Test("of a client that bound its own path is seen by the server and removed by close")
    func clientPath() async throws {
        let listener = try UnixListener.bind(to: try directory.address())
        let own = try directory.address("client")
        let client = try await UnixConnection.connect(
            to: listener.localAddress,
            options: ConnectOptions(localAddress: own)
        )
        let accepted = try await listener.accept()
        #expect(accepted.remoteAddress == own)
        #expect(client.localAddress == own)
        #expect(exists("client"))
        client.close()
        #expect(!exists("client"))
    }
}
