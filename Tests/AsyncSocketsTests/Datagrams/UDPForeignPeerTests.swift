import AsyncSockets
import Glibc
import TestKit
import Testing

/// A program that sends and receives as textbooks do it, in another process. What it can do is told
/// in `Tests/Peers/datagrams.c`.
private enum ForeignProgram: String, CaseIterable, CustomTestStringConvertible {
    case c = "C"
    case python = "Python"

    var testDescription: String { rawValue }

    /// The shell's command before the arguments; nil, with a printed reason, if this machine has no
    /// compiler or no Python.
    func command(in directory: TemporaryDirectory) async -> String? {
        let tool = self == .c ? "cc" : "python3"
        let (missing, why) = await onThread { shell("\(tool) --version") }
        guard missing == 0 else {
            print("skipped: \(why)")
            return nil
        }
        if self == .python { return "python3 '\(peerSource("datagrams.py"))'" }
        let program = directory.file("datagrams")
        let source = peerSource("datagrams.c")
        let (failed, complaint) = await onThread { shell("cc -o '\(program)' '\(source)'") }
        #expect(failed == 0, "\(complaint)")
        return "'\(program)'"
    }
}

/// A program that runs, whose output is read by blocking calls.
@safe
private final class Running: @unchecked Sendable {
    /// Set by `init` and `end`.
    private var output: UnsafeMutablePointer<FILE>?

    init(_ command: String) {
        unsafe output = popen("exec \(command) 2>&1", "re")
    }

    deinit { _ = end() }

    /// The next line, without its end; nil if there is none.
    func line() async -> String? {
        await onThread {
            guard let output = unsafe self.output else { return nil }
            var bytes: [UInt8] = []
            while true {
                let byte = unsafe getc(output)
                if byte == EOF {
                    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
                }
                if byte == 10 { return String(decoding: bytes, as: UTF8.self) }
                bytes.append(UInt8(truncatingIfNeeded: byte))
            }
        }
    }

    /// Waits for its end; its status, 0 if all went well.
    func end() -> CInt {
        guard let output = unsafe output else { return -1 }
        unsafe self.output = nil
        return unsafe pclose(output)
    }
}

@Suite("Datagrams and other programs", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UDPForeignPeerTests {
    /// Sizes between empty and the largest that IPv4 carries.
    private static let sizes = [1, 0, 1472, 65507, 0, 9]

    private static let broadcast = "127.255.255.255"
    private static let group = "239.0.0.10"

    private let directory = TemporaryDirectory()

    @Test(
        "our echo answers theirs, the empty and the largest datagram too",
        arguments: ForeignProgram.allCases
    )
    private func ourEcho(_ program: ForeignProgram) async throws {
        guard let command = await program.command(in: directory) else { return }
        let socket = try UDPSocket.onLoopback()
        let asking = Running("\(command) ask \(socket.port)")
        for size in Self.sizes {
            let datagram = try await socket.receive()
            #expect(datagram.bytes.count == size)
            #expect(!datagram.truncated)
            try await socket.send(datagram.bytes, to: datagram.source)
        }
        #expect(await asking.line() == "ok")
        #expect(await onThread { asking.end() } == 0)
    }

    @Test(
        "their echo answers ours, the empty and the largest datagram too",
        arguments: ForeignProgram.allCases
    )
    private func theirEcho(_ program: ForeignProgram) async throws {
        guard let command = await program.command(in: directory) else { return }
        let server = Running("\(command) echo \(Self.sizes.count)")
        let port = try #require(await server.line().flatMap { UInt16($0) })
        let socket = try UDPSocket.onLoopback()
        var random = SeededGenerator()
        for size in Self.sizes {
            let bytes = random.bytes(size)
            try await socket.send(bytes, to: .ipv4(.loopback, port: port))
            let datagram = try await socket.receive()
            #expect(datagram.bytes == bytes, "seed \(random.seed)")
            #expect(datagram.source == .ipv4(.loopback, port: port))
        }
        #expect(await onThread { server.end() } == 0)
    }

    @Test(
        "we hear what they send to all and to a group",
        arguments: ForeignProgram.allCases,
        [broadcast, group]
    )
    private func hear(_ program: ForeignProgram, at address: String) async throws {
        guard let command = await program.command(in: directory) else { return }
        let socket = try UDPSocket.bind(to: "\(address):0")
        if address == Self.group { try socket.join(address, on: .loopback) }
        let sender = Running("\(command) send \(address) \(socket.port) one '' two")
        var heard: [String] = []
        for _ in 0..<3 {
            let datagram = try await socket.receive()
            #expect(datagram.source.ip == .v4(.loopback))
            heard.append(String(decoding: datagram.bytes, as: UTF8.self))
        }
        #expect(heard == ["one", "", "two"])
        #expect(await onThread { sender.end() } == 0)
    }

    @Test(
        "they hear what we send to all and to a group",
        arguments: ForeignProgram.allCases,
        [broadcast, group]
    )
    private func beHeard(_ program: ForeignProgram, at address: String) async throws {
        guard let command = await program.command(in: directory) else { return }
        let receiver = Running("\(command) receive \(address) 0 3")
        let port = try #require(await receiver.line().flatMap { UInt16($0) })
        let socket = try UDPSocket.onLoopback(UDPOptions(broadcast: true))
        try socket.set(.multicastInterface, to: NetworkInterface.loopback.index)
        for text in ["one", "", "two"] {
            try await socket.send(text, to: "\(address):\(port)")
            #expect(await receiver.line() == "\(socket.here): \(text)")
        }
        #expect(await onThread { receiver.end() } == 0)
    }

    @Test("what does not fit is said to be truncated", arguments: ForeignProgram.allCases)
    private func truncated(_ program: ForeignProgram) async throws {
        guard let command = await program.command(in: directory) else { return }
        let socket = try UDPSocket.onLoopback()
        let text = String(repeating: "0123456789", count: 6550) + "0123456"
        let sender = Running("\(command) send 127.0.0.1 \(socket.port) \(text) '' fits")
        var buffer = [UInt8](repeating: 0, count: 4)
        for (count, length) in [(4, 65507), (0, 0), (4, 4)] {
            var bytes = buffer.mutableSpan
            let header = try await socket.receive(into: &bytes)
            #expect(header.count == count)
            #expect(header.length == length)
            #expect(header.truncated == (length > count))
        }
        #expect(buffer == Array("fits".utf8))
        #expect(await onThread { sender.end() } == 0)
    }
}
