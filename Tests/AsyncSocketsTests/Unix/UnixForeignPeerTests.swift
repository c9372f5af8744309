import AsyncSockets
import Glibc
import SocketSystem
import TestKit
import Testing

/// Against programs that share no line with the library. Where one is not installed, its test does
/// nothing.
@Suite("Unix sockets and other programs", .timeLimit(.minutes(1)))
struct UnixForeignPeerTests {
    let directory = TemporaryDirectory()

    /// What a shell command prints, run on a thread of its own.
    private func output(of command: String) async -> String {
        await onThread {
            guard let pipe = unsafe popen(command, "r") else { return "" }
            var output: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = unsafe fread(&buffer, 1, buffer.count, pipe)
                if count == 0 { break }
                output += buffer[..<count]
            }
            unsafe pclose(pipe)
            return String(decoding: output, as: UTF8.self)
        }
    }

    private func python(_ script: String) async -> String {
        await output(of: "exec python3 - '\(directory.path)' 2>&1 <<'END'\n\(script)\nEND")
    }

    private static func isInstalled(_ program: String) -> Bool {
        guard let path = environmentVariable("PATH") else { return false }
        return path.split(separator: ":").contains { fileExists("\($0)/\(program)") }
    }

    static let hasPython = isInstalled("python3")
    static let hasSocat = isInstalled("socat")

    @Test("a Python client is echoed a megabyte and the end", .enabled(if: hasPython))
    func pythonStream() async throws {
        let listener = try UnixListener.bind(to: try directory.address())
        let server = Task {
            try await serve(listener) { connection in
                for try await chunk in connection { try await connection.write(chunk) }
            }
        }
        let result = await python(
            """
            import os, socket, sys, threading
            s = socket.socket(socket.AF_UNIX)
            s.bind(sys.argv[1] + "/client")
            s.connect(sys.argv[1] + "/socket")
            data = os.urandom(1 << 20)
            threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()
            got = b""
            while chunk := s.recv(65536):
                got += chunk
            print("ok" if got == data else "wrong")
            """
        )
        #expect(result == "ok\n")
        server.cancel()
        try await server.value
    }

    @Test("a Python server accepts us, and SCM_RIGHTS goes both ways", .enabled(if: hasPython))
    func pythonDescriptors() async throws {
        let listener = try UnixListener.bind(to: try directory.address())
        let traced = TracedDescriptor()
        async let script = python(
            """
            import array, os, socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1] + "/socket")
            data, fds, flags, _ = socket.recv_fds(s, 100, 10)
            os.write(fds[0], b"from python")
            os.close(fds[0])
            r, w = os.pipe()
            socket.send_fds(s, [b"here"], [w, w])
            os.close(w)
            print(data.decode(), len(fds), os.read(r, 100).decode())
            """
        )
        let peer = try await listener.accept()
        try await peer.write("take", passing: [traced.writer])
        let message = try await peer.readWithDescriptors(exactly: 4)
        #expect(message.bytes == Array("here".utf8))
        #expect(message.descriptors.count == 2)
        try message.descriptors[1].write("from swift")
        #expect(await script == "take 1 from swift\n")
        #expect(traced.received() == "from python")
    }

    @Test("Python's packets and datagrams are understood", .enabled(if: hasPython))
    func pythonMessages() async throws {
        let packets = try UnixPacketListener.bind(to: try directory.address("packets"))
        let datagrams = try UnixDatagramSocket.bind(to: try directory.address("datagrams"))
        let echo = Task {
            for await connection in packets {
                for try await packet in connection { try await connection.send(packet.bytes) }
            }
        }
        let answering = Task {
            for try await datagram in datagrams {
                try await datagrams.send(
                    datagram.bytes,
                    to: datagram.source,
                    passing: datagram.descriptors
                )
            }
        }
        let result = await python(
            """
            import os, socket, sys
            p = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            p.connect(sys.argv[1] + "/packets")
            for packet in [b"one", b"", b"x" * 70000, b"last"]:
                p.send(packet)
                assert p.recv(100000) == packet
            d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            d.bind(sys.argv[1] + "/python")
            d.connect(sys.argv[1] + "/datagrams")
            for datagram in [b"one", b"", b"y" * 70000]:
                d.send(datagram)
                assert d.recv(100000) == datagram
            r, w = os.pipe()
            socket.send_fds(d, [b"fd"], [w])
            os.close(w)
            data, fds, flags, _ = socket.recv_fds(d, 100, 10)
            os.write(fds[0], b"round trip")
            print(os.read(r, 100).decode())
            """
        )
        #expect(result == "round trip\n")
        packets.close()
        datagrams.close()
        _ = try await echo.value
        _ = await answering.result
    }

    @Test("socat talks to a path and to an abstract name", .enabled(if: hasSocat))
    func socat() async throws {
        let path = try UnixListener.bind(to: try directory.address())
        let name = try UnixListener.bind(to: .unixUnnamed)
        let abstract = String(decoding: name.localAddress.unixAbstractName ?? [], as: UTF8.self)
        for (listener, target) in [
            (path, "UNIX-CONNECT:\(directory.file("socket"))"),
            (name, "ABSTRACT-CONNECT:\(abstract)"),
        ] {
            async let result = output(of: "echo hello | socat -t 10 - \(target)")
            let connection = try await listener.accept()
            try await connection.write("you said: " + "")
            try await connection.write(try await connection.readToEnd())
            connection.close()
            #expect(await result == "you said: hello\n")
        }
    }

    @Test("we talk to socat's echo", .enabled(if: hasSocat))
    func connectToSocat() async throws {
        let path = directory.file("echo")
        async let server = output(of: "exec timeout 20 socat UNIX-LISTEN:\(path) EXEC:cat")
        #expect(await eventually { fileExists(path) })
        var client: UnixConnection?
        #expect(
            await eventually {
                client = try? await UnixConnection.connect(to: try directory.address("echo"))
                return client != nil
            }
        )
        let connection = try #require(client)
        try await connection.write("hello")
        try connection.shutdown(.write)
        #expect(try await connection.readToEnd() == Array("hello".utf8))
        connection.close()
        #expect(await server == "")
    }
}
