import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite("A UDP socket", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct UDPSocketTests {
    @Test("exchanges datagrams with a peer of plain calls, both ways")
    func exchangesWithPlainPeer() async throws {
        let socket = try UDPSocket.onLoopback()
        let peer = DatagramPeer()
        peer.send(Array("hello".utf8), to: socket.port)
        let datagram = try await socket.receive()
        #expect(datagram.bytes == Array("hello".utf8))
        #expect(datagram.source == .ipv4(.loopback, port: peer.port))
        #expect(!datagram.truncated)
        try await socket.send("world", to: datagram.source)
        let answer = await onThread { peer.receive() }
        #expect(answer?.bytes == Array("world".utf8))
        #expect(answer?.port == socket.port)
    }

    @Test("is a sequence of datagrams", arguments: [true, false])
    func isASequence(onLoops: Bool) async throws {
        let socket = try UDPSocket.onLoopback()
        let peer = DatagramPeer()
        for number in 0..<100 { peer.send([UInt8(number)], to: socket.port) }
        @Sendable func collect() async throws -> [UInt8] {
            var numbers: [UInt8] = []
            for try await datagram in socket {
                numbers += datagram.bytes
                if numbers.count == 100 { break }
            }
            return numbers
        }
        let numbers =
            onLoops
            ? try await Task(executorPreference: EventLoopGroup.shared.taskExecutor) {
                try await collect()
            }.value
            : try await collect()
        #expect(numbers == Array(0..<100))
    }

    @Test("echoes to Python")
    func echoesToPython() async throws {
        let socket = try UDPSocket.onLoopback()
        let echo = Task {
            for try await datagram in socket {
                try await socket.send(datagram.bytes, to: datagram.source)
            }
        }
        defer { echo.cancel() }
        let script = """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for size in (0, 1, 1500, 65507):
                s.sendto(b'x' * size, ('127.0.0.1', \(socket.port)))
                data, source = s.recvfrom(65536)
                assert data == b'x' * size and source[1] == \(socket.port), size
            print('well')
            """
        let (status, output) = await onThread { shell("timeout 50 python3 -c \"\(script)\"") }
        #expect(status == 0 && output == "well\n", "\(output)")
    }

    @Test("delivers the empty datagram as a datagram")
    func emptyDatagram() async throws {
        let (left, right) = (try UDPSocket.onLoopback(), try UDPSocket.onLoopback())
        try await left.send([], to: right.here)
        try await left.send([1], to: right.here)
        let empty = try await right.receive()
        #expect(empty.bytes.isEmpty && empty.length == 0 && !empty.truncated)
        #expect(try await right.receive().bytes == [1])
    }

    @Test("carries 65,507 bytes and refuses one more")
    func largestDatagram() async throws {
        let (left, right) = (try UDPSocket.onLoopback(), try UDPSocket.onLoopback())
        let bytes = (0..<65_507).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try await left.send(bytes, to: right.here)
        let datagram = try await right.receive()
        #expect(datagram.bytes == bytes && !datagram.truncated)
        #expect(
            await failure { try await left.send(bytes + [0], to: right.here) } == .messageTooLong
        )
        try await left.send("after", to: right.here)
        #expect(try await right.receive().bytes == Array("after".utf8))
    }

    @Test("tells a truncated datagram's true length, and how much is there")
    func truncation() async throws {
        let (left, right) = (try UDPSocket.onLoopback(), try UDPSocket.onLoopback())
        try await left.send([UInt8](repeating: 7, count: 3000), to: right.here)
        try await left.send([8], to: right.here)
        var memory = [UInt8](repeating: 0, count: 1500)
        var span = memory.mutableSpan
        let first = try await right.receive(into: &span)
        #expect(first.count == 1500 && first.length == 3000 && first.truncated)
        #expect(first.source == left.here)
        let second = try await right.receive(into: &span)
        #expect(second.count == 1 && !second.truncated)
        #expect(memory[0] == 8 && memory[1] == 7)
    }

    @Test("reads a datagram into an empty buffer without losing the next")
    func emptyBuffer() async throws {
        let (left, right) = (try UDPSocket.onLoopback(), try UDPSocket.onLoopback())
        try await left.send([1, 2], to: right.here)
        try await left.send([3], to: right.here)
        var memory: [UInt8] = []
        var span = memory.mutableSpan
        let header = try await right.receive(into: &span)
        #expect(header.count == 0 && header.length == 2 && header.truncated)
        #expect(try await right.receive().bytes == [3])
    }

    @Test("a connected socket hears its peer alone, and can change it")
    func connected() async throws {
        let (first, second) = (try UDPSocket.onLoopback(), try UDPSocket.onLoopback())
        let socket = try UDPSocket.connect(to: first.here)
        #expect(socket.remoteAddress == first.here)
        try await socket.send("to the first")
        #expect(try await first.receive().bytes == Array("to the first".utf8))
        try await second.send("not heard", to: socket.here)
        try await first.send("heard", to: socket.here)
        #expect(try await socket.receive().bytes == Array("heard".utf8))
        try socket.connect(to: second.here)
        try await socket.send("to the second")
        #expect(try await second.receive().source == socket.here)
        try socket.disconnect()
        #expect(socket.remoteAddress == nil)
        #expect(await failure { try await socket.send("nobody") } == .destinationRequired)
        try await socket.send("somebody", to: first.here)
        #expect(try await first.receive().bytes == Array("somebody".utf8))
    }

    @Test("a closed peer port surfaces once, and the socket lives on")
    func refusedOnce() async throws {
        let address = try deserted()
        let socket = try UDPSocket.connect(to: address)
        try await socket.send("anybody?")
        #expect(await failure { _ = try await socket.receive() } == .connectionRefused)
        let peer = try UDPSocket.bind(to: address)
        try await socket.send("now")
        #expect(try await peer.receive().bytes == Array("now".utf8))
    }

    @Test("close wakes every receiver, and stays closed")
    func closeWakes() async throws {
        let socket = try UDPSocket.onLoopback()
        async let first = failure { _ = try await socket.receive() }
        async let second = failure { for try await _ in socket {} }
        await Task.yield()
        socket.close()
        socket.close()
        #expect(await first == .closed)
        #expect(await second == .closed)
        #expect(socket.isClosed)
        #expect(await failure { try await socket.send("x", to: "127.0.0.1:9") } == .closed)
        #expect(await failure { try socket.join("239.0.0.10", on: .loopback) } == .closed)
    }

    @Test("many tasks receive, each datagram goes to exactly one")
    func manyReceivers() async throws {
        let socket = try UDPSocket.onLoopback(
            UDPOptions(socketOptions: [.set(.receiveBufferSize, 1 << 20)])
        )
        let sender = try UDPSocket.connect(to: socket.here)
        let count = 400
        let all = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<count {
                group.addTask { try await socket.receive().bytes }
            }
            for number in 0..<count {
                try await sender.send([UInt8(number & 255), UInt8(number >> 8)])
            }
            var all: [Int] = []
            for try await bytes in group { all.append(Int(bytes[0]) | Int(bytes[1]) << 8) }
            return all
        }
        #expect(all.sorted() == Array(0..<count))
    }

    @Test("a cancelled receive has taken no datagram")
    func cancelledReceiveLosesNothing() async throws {
        let socket = try UDPSocket.onLoopback()
        let sender = try UDPSocket.connect(to: socket.here)
        var received: [UInt8] = []
        for number in 0..<200 as Range<UInt8> {
            let task = Task { try await socket.receive().bytes }
            if number.isMultiple(of: 3) { await Task.yield() }
            try await sender.send([number])
            if number.isMultiple(of: 2) { task.cancel() }
            do {
                received += try await task.value
            } catch {
                #expect(error is CancellationError)
            }
        }
        while received.count < 200 { received += try await socket.receive().bytes }
        #expect(received == Array(0..<200))
    }

    @Test("checks cancellation before it takes what is there")
    func cancelledBefore() async throws {
        let socket = try UDPSocket.onLoopback()
        try await socket.send([1], to: socket.here)
        let task = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            _ = try await socket.receive()
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await socket.receive().bytes == [1])
    }

    @Test("many tasks send at once, each datagram whole")
    func manySenders() async throws {
        let socket = try UDPSocket.onLoopback(
            UDPOptions(socketOptions: [.set(.receiveBufferSize, 1 << 20)])
        )
        let sender = try UDPSocket.onLoopback()
        let address = socket.here
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 as Range<UInt8> {
                group.addTask {
                    try await sender.send([UInt8](repeating: number, count: 500), to: address)
                }
            }
            try await group.waitForAll()
        }
        var numbers: Set<UInt8> = []
        for _ in 0..<100 {
            let bytes = try await socket.receive().bytes
            #expect(bytes.count == 500 && Set(bytes).count == 1)
            numbers.insert(bytes[0])
        }
        #expect(numbers.count == 100)
    }

    @Test("speaks IPv6, and IPv4 on an IPv6 socket")
    func dualStack() async throws {
        let socket = try UDPSocket.bind(to: "[::]:0")
        let peer = DatagramPeer()
        peer.send([4], to: socket.port)
        let datagram = try await socket.receive()
        #expect(datagram.source.ip?.unmapped == .v4(.loopback))
        try await socket.send([5], to: datagram.source)
        try await socket.send([6], to: .ipv4(.loopback, port: peer.port))
        #expect(peer.receive()?.bytes == [5])
        #expect(peer.receive()?.bytes == [6])
        let six = try UDPSocket.connect(to: "[::1]:\(socket.port)")
        try await six.send([7])
        #expect(try await socket.receive().source == six.here)
    }

    @Test("what cannot be sent is an error that says so")
    func sendErrors() async throws {
        let socket = try UDPSocket.onLoopback()
        #expect(await failure { try await socket.send("x") } == .destinationRequired)
        #expect(await failure { try await socket.send("x", to: "[::1]:9") } == .wrongAddressFamily)
        #expect(await failure { try await socket.send("x", to: "nonsense") } == .invalidAddress)
        #expect(await failure { _ = try UDPSocket.bind(to: "unix:/x") } == .wrongAddressFamily)
        #expect(await failure { _ = try UDPSocket.bind(to: socket.here) } == .addressInUse)
    }

    @Test("sharing a port needs the options on both sides")
    func sharing() throws {
        let options = UDPOptions(reusePort: true)
        let first = try UDPSocket.onLoopback(options)
        let second = try UDPSocket.bind(to: first.here, options: options)
        #expect(second.port == first.port)
        #expect(try first.get(.reusePort))
    }

    @Test("takes over a descriptor and gives it away")
    func adoptAndDetach() async throws {
        let socket = try UDPSocket.onLoopback()
        let address = socket.here
        let number = try socket.detach()
        #expect(socket.isClosed)
        let again = try UDPSocket(adopting: number)
        #expect(again.here == address)
        try await again.send([1], to: address)
        #expect(try await again.receive().bytes == [1])
        #expect(throws: SocketError.self) { _ = try UDPSocket(adopting: -1) }
    }

    @Test("takes over no socket of another protocol")
    func adoptsUDPAlone() async throws {
        // UDP-Lite and ICMP; a machine may have neither, or may not permit them to this user.
        for number in [136, CInt(IPPROTO_ICMP)] {
            let other = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), number)
            if other < 0 { continue }
            defer { close(other) }
            #expect(await failure { _ = try UDPSocket(adopting: other) } == .notSupported)
        }
        let udp = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), CInt(IPPROTO_UDP))
        try UDPSocket(adopting: udp).close()
    }

    @Test("sends nothing in segments only if it could send something")
    func emptySegments() async throws {
        let socket = try UDPSocket.onLoopback()
        try await socket.send([], segmentSize: 100, to: socket.here)
        let cancelled = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            try await socket.send([], segmentSize: 100, to: socket.here)
        }
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        socket.close()
        #expect(await failure { try await socket.send([], segmentSize: 100) } == .closed)
    }
}
