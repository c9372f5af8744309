import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite("The name of a Unix socket", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UnixNameTests {
    private func roundTrip(_ address: SocketAddress) async throws {
        let listener = try UnixListener.bind(to: address)
        #expect(listener.localAddress == address)
        let client = try await UnixConnection.connect(to: address)
        let accepted = try await listener.accept()
        #expect(accepted.localAddress == address)
        #expect(accepted.remoteAddress == .unixUnnamed)
        #expect(client.remoteAddress == address)
        #expect(client.localAddress == .unixUnnamed)
        #expect(await code { _ = try UnixListener.bind(to: address) } == .addressInUse)
    }

    @Test("can be abstract, of any bytes and up to 107 of them")
    func abstractNames() async throws {
        var random = SeededGenerator()
        var odd: [UInt8] = [0, 0, 0x2f, 0xff, 0x0a, 0] + random.bytes(8)
        try await roundTrip(.unix(abstract: odd))
        odd.append(0)
        try await roundTrip(.unix(abstract: odd))
        try await roundTrip(.unix(abstract: random.bytes(107)))
        #expect(throws: SocketError.self) { try SocketAddress.unix(abstract: random.bytes(108)) }
        try await roundTrip(SocketAddress("unix:@async-sockets-\(random.next())"))
    }

    @Test("can be a path of 108 bytes, and no longer: it is never cut")
    func longPaths() async throws {
        let directory = TemporaryDirectory()
        let room = 108 - directory.path.utf8.count - 1
        try await roundTrip(try directory.address(String(repeating: "x", count: room)))
        try await roundTrip(try directory.address(String(repeating: "y", count: room - 1)))
        let long = directory.file(String(repeating: "z", count: room + 1))
        let error = #expect(throws: SocketError.self) { try UnixListener.bind(to: "unix:\(long)") }
        #expect(error?.code == .nameTooLong)
        #expect(error?.description.contains("109") == true)
        #expect(throws: SocketError.self) { try SocketAddress.unix(path: long) }
    }

    @Test("can be a path of bytes that are no text")
    func oddPaths() async throws {
        let directory = TemporaryDirectory()
        let path = Array(directory.path.utf8) + [0x2f, 0xff, 0x0a, 0x40]
        try await roundTrip(.unix(path: path))
    }

    @Test("that the kernel chooses is told")
    func kernelChoosesName() async throws {
        let first = try UnixListener.bind(to: "unix:")
        let second = try UnixListener.bind(to: .unixUnnamed)
        #expect(first.localAddress != second.localAddress)
        _ = try await UnixConnection.connect(to: first.localAddress)
        #expect(await code { _ = try await UnixConnection.connect(to: .unixUnnamed) } != nil)
    }

    @Test("in a directory that is not there, or not ours, is a clear error")
    func badDirectories() async throws {
        let missing = await code { _ = try UnixListener.bind(to: "unix:/nowhere/socket") }
        #expect(missing == .noSuchFile)
        let notOne = await code { _ = try UnixListener.bind(to: "unix:/dev/null/socket") }
        #expect(notOne == .errno(ENOTDIR))
    }
}
