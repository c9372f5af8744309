import AsyncSockets
import Glibc
import SocketSystem
import TestKit
import Testing

/// Against programs that share no line with the library. If one is not installed, its test does
/// nothing.
@Suite("Unix sockets and other programs", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UnixForeignPeerTests {
    let directory = TemporaryDirectory()

    private func python(_ script: String) async -> String {
        await Foreign.python(script, in: directory)
    }

    @Test("a Python client is echoed a megabyte and the end", .enabled(if: Foreign.hasPython))
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

    @Test(
        "a Python server accepts us, and SCM_RIGHTS goes both ways",
        .enabled(if: Foreign.hasPython)
    )
    func pythonDescriptors() async throws {
        let listener = try UnixListener.bind(
            to: try directory.address(),
            options: ListenOptions(receivesDescriptors: true)
        )
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

    @Test("Python's packets and datagrams are understood", .enabled(if: Foreign.hasPython))
    func pythonMessages() async throws {
        let packets = try UnixPacketListener.bind(to: try directory.address("packets"))
        let datagrams = try UnixDatagramSocket.bind(to: try directory.address("datagrams"))
        let echo = Task {
            for await connection in packets {
                for try await packet in connection { try await connection.send(packet.bytes) }
            }
        }
        let answering = Task { try await datagrams.echo() }
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

    @Test("socat talks to a path and to an abstract name", .enabled(if: Foreign.hasSocat))
    func socat() async throws {
        let path = try UnixListener.bind(to: try directory.address())
        let name = try UnixListener.bind(to: .unixUnnamed)
        let abstract = String(decoding: name.localAddress.unixAbstractName ?? [], as: UTF8.self)
        for (listener, target) in [
            (path, "UNIX-CONNECT:\(directory.file("socket"))"),
            (name, "ABSTRACT-CONNECT:\(abstract)"),
        ] {
            async let result = Foreign.output(of: "echo hello | timeout 50 socat -t 50 - \(target)")
            let connection = try await listener.accept()
            try await connection.write("you said: " + "")
            try await connection.write(try await connection.readToEnd())
            connection.close()
            #expect(await result == "you said: hello\n")
        }
    }

    @Test("we talk to socat's echo", .enabled(if: Foreign.hasSocat))
    func connectToSocat() async throws {
        let path = directory.file("echo")
        async let server = Foreign.output(
            of: "exec timeout 50 socat -t 50 UNIX-LISTEN:\(path) EXEC:cat"
        )
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

    @Test("socat's packets and datagrams are understood", .enabled(if: Foreign.hasSocat))
    func socatMessages() async throws {
        let packets = try UnixPacketListener.bind(to: try directory.address("packets"))
        let target = "UNIX-CONNECT:\(directory.file("packets")),type=5"
        async let result = Foreign.output(of: "echo hello | timeout 50 socat -t 50 - \(target)")
        let connection = try await packets.accept()
        #expect(try await connection.receive()?.bytes == Array("hello\n".utf8))
        try await connection.send("packet\n")
        connection.close()
        #expect(await result == "packet\n")

        let datagrams = try UnixDatagramSocket.bind(to: try directory.address("datagrams"))
        let own = "bind=\(directory.file("socat"))"
        let sendTo = "UNIX-SENDTO:\(directory.file("datagrams")),\(own)"
        // Datagrams have no end: it leaves after the line that it waits for, however late.
        let dialogue = "SYSTEM:'echo hello; head -n 1 >&2'"
        async let answer = Foreign.output(of: "timeout 50 socat \(sendTo) \"\(dialogue)\" 2>&1")
        let datagram = try await datagrams.receive()
        #expect(datagram.bytes == Array("hello\n".utf8))
        #expect(datagram.source == (try directory.address("socat")))
        try await datagrams.send("datagram\n", to: datagram.source)
        #expect(await answer == "datagram\n")
    }

    @Test("a listening socket goes to Python, which accepts there", .enabled(if: Foreign.hasPython))
    func listenerToPython() async throws {
        let channel = try UnixListener.bind(to: try directory.address())
        async let script = python(
            """
            import socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1] + "/socket")
            data, fds, flags, _ = socket.recv_fds(s, 100, 10)
            for number in fds:
                listener = socket.socket(fileno=number)
                listener.setblocking(True)
                client, _ = listener.accept()
                client.sendall(b"python accepted " + client.recv(100))
                client.close()
            print(data.decode(), len(fds))
            """
        )
        let unix = try UnixListener.bind(to: try directory.address("given"))
        let tcp = try TCPListener.bind(to: "127.0.0.1:0")
        let peer = try await channel.accept()
        let passed = [try unix.duplicateDescriptor(), try tcp.duplicateDescriptor()]
        try await peer.write("two", passing: passed)
        for descriptor in passed { descriptor.close() }
        // Only Python accepts.
        tcp.close()
        let clients: [StreamConnection] = [
            try await UnixConnection.connect(to: unix.localAddress),
            try await TCPConnection.connect(to: tcp.localAddress),
        ]
        for client in clients {
            try await client.write("us")
            #expect(try await client.readToEnd() == Array("python accepted us".utf8))
        }
        #expect(await script == "two 2\n")
    }

    @Test(
        "a listening socket of Python's comes to us, and we accept",
        .enabled(if: Foreign.hasPython)
    )
    func listenerFromPython() async throws {
        let channel = try UnixListener.bind(
            to: try directory.address(),
            options: ListenOptions(receivesDescriptors: true)
        )
        async let script = python(
            """
            import socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1] + "/socket")
            made = []
            for kind in [socket.SOCK_STREAM, socket.SOCK_SEQPACKET]:
                listener = socket.socket(socket.AF_UNIX, kind)
                listener.bind(sys.argv[1] + "/python%d" % kind)
                listener.listen()
                made.append(listener)
            socket.send_fds(s, [b"made"], [listener.fileno() for listener in made])
            s.recv(1)
            for listener in made:
                address, kind = listener.getsockname(), listener.type
                listener.close()
                client = socket.socket(socket.AF_UNIX, kind)
                client.connect(address)
                print(client.recv(100).decode())
            """
        )
        let peer = try await channel.accept()
        let made = try await peer.readWithDescriptors(exactly: 4)
        #expect(made.descriptors.count == 2)
        let streams = try made.descriptors[0].handOver { number throws(SocketError) in
            try UnixListener(adopting: number)
        }
        let packets = try made.descriptors[1].handOver { number throws(SocketError) in
            try UnixPacketListener(adopting: number)
        }
        try await peer.write("!")
        let stream = try await streams.accept()
        try await stream.write("a stream")
        stream.close()
        let packet = try await packets.accept()
        try await packet.send("a packet")
        packet.close()
        #expect(await script == "a stream\na packet\n")
    }

    @Test(
        "descriptors of packets and datagrams go to Python and back",
        .enabled(if: Foreign.hasPython)
    )
    func descriptorsOfMessages() async throws {
        let packets = try UnixPacketListener.bind(to: try directory.address("packets"))
        let datagrams = try UnixDatagramSocket.bind(to: try directory.address("datagrams"))
        async let script = python(
            """
            import os, socket, sys
            p = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            p.connect(sys.argv[1] + "/packets")
            d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            d.bind(sys.argv[1] + "/python")
            d.connect(sys.argv[1] + "/datagrams")
            d.send(b"here I am")
            for s, name in [(p, b"packet"), (d, b"datagram")]:
                data, fds, flags, _ = socket.recv_fds(s, 100, 10)
                os.write(fds[0], name)
                r, w = os.pipe()
                socket.send_fds(s, [data], [w])
                os.close(w)
                print(os.read(r, 100).decode())
            """
        )
        let packet = try await packets.accept()
        let source = try await datagrams.receive().source
        let traced = TracedDescriptor()
        try await packet.send("p", passing: [traced.writer])
        let first = try #require(try await packet.receive())
        #expect(first.bytes == Array("p".utf8))
        #expect(traced.received() == "packet")
        try first.descriptors[0].write("to the packet's sender")
        first.descriptors[0].close()
        try await datagrams.send("d", to: source, passing: [traced.writer])
        let second = try await datagrams.receive()
        #expect(second.bytes == Array("d".utf8))
        #expect(traced.received() == "datagram")
        try second.descriptors[0].write("to the datagram's sender")
        second.descriptors[0].close()
        #expect(await script == "to the packet's sender\nto the datagram's sender\n")
    }
}
