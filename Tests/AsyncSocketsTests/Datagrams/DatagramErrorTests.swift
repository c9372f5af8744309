import Glibc
import SocketReactor
import SocketSystem
import TestKit
import Testing

@testable import AsyncSockets

@Suite("A UDP socket's error queue", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct DatagramErrorTests {
    @Test("tells which destination refused", arguments: ["127.0.0.1", "[::1]"])
    func refusal(host: String) async throws {
        let socket = try UDPSocket.bind(to: "\(host):0", options: UDPOptions(queuesErrors: true))
        let address = try deserted(host)
        try await socket.send("anybody?", to: address)
        var errors = socket.errors.makeAsyncIterator()
        let error = try #require(try await errors.next())
        #expect(error.code == .connectionRefused)
        #expect(error.destination == address)
        #expect(error.reporter?.ip == address.ip)
        #expect(error.bytes == Array("anybody?".utf8))
        #expect(error.icmp != nil)
        #expect("\(error)".contains("connection refused"))
    }

    @Test("keeps sends and receives free of other destinations' failures")
    func otherDestinations() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(queuesErrors: true))
        let peer = try UDPSocket.onLoopback()
        let receiving = Task { try await socket.receive().bytes }
        for _ in 0..<20 {
            try await socket.send("lost", to: deserted())
            try await socket.send("x", to: peer.here)
            #expect(try await peer.receive().bytes == Array("x".utf8))
        }
        try await peer.send("y", to: socket.here)
        #expect(try await receiving.value == Array("y".utf8))
        var count = 0
        for try await error in socket.errors {
            #expect(error.code == .connectionRefused)
            count += 1
            if count == 20 { break }
        }
    }

    @Test("wakes a task that waits for errors, with and without a receiver")
    func wakesWaiters() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(queuesErrors: true))
        // Many times: the receiver may take the error from the kernel before the loop has looked.
        for receives in [false] + [Bool](repeating: true, count: 100) {
            let receiver = receives ? Task { _ = try await socket.receive() } : nil
            let waiting = Task {
                var errors = socket.errors.makeAsyncIterator()
                return try await errors.next()?.code
            }
            await Task.yield()
            try await socket.send("x", to: deserted())
            #expect(try await waiting.value == .connectionRefused)
            receiver?.cancel()
        }
    }

    @Test(
        "ends the wait of a loop that sleeps, though nobody receives",
        arguments: EventLoopGroup.Backend.all
    )
    func wakesSleepingLoop(backend: EventLoopGroup.Backend) async throws {
        let group = try EventLoopGroup(loops: 1, backend: backend)
        let options = UDPOptions(queuesErrors: true)
        let socket = try UDPSocket.bind(to: "127.0.0.1:0", options: options, on: group)
        let loop = socket.core.registration.loop
        for _ in 0..<20 {
            let waiting = Task {
                var errors = socket.errors.makeAsyncIterator()
                return try await errors.next()?.code
            }
            await Task.yield()
            #expect(await eventually { loop.isParked })
            try await socket.send("x", to: deserted())
            #expect(try await waiting.value == .connectionRefused)
        }
        socket.close()
        await group.shutdown()
    }

    @Test("outlives a datagram that no path could take")
    func tooLong() async throws {
        let peer = try UDPSocket.onLoopback()
        let options = UDPOptions(queuesErrors: true)
        let socket = try UDPSocket.connect(to: peer.here, options: options)
        let long = [UInt8](repeating: 0, count: 65_508)
        #expect(await failure { try await socket.send(long) } == .messageTooLong)
        try await socket.send("short")
        #expect(try await peer.receive().bytes == Array("short".utf8))
    }

    @Test("ends with the socket, and a cancelled wait loses nothing")
    func endsWithTheSocket() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(queuesErrors: true))
        let cancelled = Task {
            var errors = socket.errors.makeAsyncIterator()
            _ = try await errors.next()
        }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        async let waiting = failure { for try await _ in socket.errors {} }
        await Task.yield()
        socket.close()
        #expect(await waiting == .closed)
    }

    @Test("blames no call of many tasks for another's datagram")
    func manyTasks() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(queuesErrors: true))
        let here = socket.here
        let addresses = try (0..<4).map { _ in try deserted() }
        let watching = Task { for try await _ in socket.errors {} }
        let receiving = (0..<3).map { _ in Task { for try await _ in socket {} } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for address in addresses {
                group.addTask {
                    for _ in 0..<200 {
                        try await socket.send("lost", to: address)
                        try await socket.send("found", to: here)
                        let batch = DatagramBatch(capacity: 2)
                        #expect(try batch.append([1], to: address))
                        #expect(try batch.append([2], to: here))
                        try await socket.send(batch)
                    }
                }
            }
            try await group.waitForAll()
        }
        socket.close()
        #expect(await failure { try await watching.value } == .closed)
        for task in receiving { #expect(await failure { try await task.value } == .closed) }
    }

    @Test("leaves a send its own failure")
    func ownFailure() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(queuesErrors: true))
        try await socket.send("lost", to: deserted())
        let long = [UInt8](repeating: 0, count: 65_508)
        #expect(await failure { try await socket.send(long, to: socket.here) } == .messageTooLong)
        let batch = DatagramBatch(capacity: 3, datagramSize: 65_535)
        #expect(try batch.append([1], to: socket.here))
        #expect(try batch.append(long, to: socket.here))
        #expect(try batch.append([3], to: socket.here))
        #expect(await failure { try await socket.send(batch) } == .messageTooLong)
        #expect(batch.sentCount == 1)
        try await socket.send(batch, from: 2)
        #expect(try await socket.receive().bytes == [1])
        #expect(try await socket.receive().bytes == [3])
    }

    @Test(
        "is found if only the option was set",
        arguments: EventLoopGroup.Backend.all,
        ["127.0.0.1", "[::1]"]
    )
    func optionAlone(backend: EventLoopGroup.Backend, host: String) async throws {
        let group = try EventLoopGroup(loops: 1, backend: backend)
        let socket = try UDPSocket.bind(to: "\(host):0", on: group)
        if host == "127.0.0.1" {
            try socket.set(.receiveErrors, to: true)
        } else {
            try socket.set(.receiveErrorsIPv6, to: true)
        }
        let address = try deserted(host)
        let receiving = Task { try await socket.receive().bytes }
        for _ in 0..<5 {
            try await socket.send("lost", to: address)
            var errors = socket.errors.makeAsyncIterator()
            #expect(try await errors.next()?.destination == address)
        }
        try await socket.send([1], to: socket.here)
        #expect(try await receiving.value == [1])
        socket.close()
        await group.shutdown()
    }

    @Test("excuses no receive that fails again and again without a report")
    func fruitlessReceivesFail() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(queuesErrors: true))
        let queue = socket.core.errors
        let refused = Errno(rawValue: EACCES)
        socket.core.registration.use { number in
            var excuse = ReceiveExcuse()
            var count = 0
            while count < 100, queue.excusesReceive(refused, of: number, &excuse) { count += 1 }
            #expect(count == ReceiveExcuse.limit)
        }
        // A report in between makes it another's failure.
        for _ in 0..<20 { try await socket.send("lost", to: deserted()) }
        socket.core.registration.use { number in
            var excuse = ReceiveExcuse()
            #expect(queue.excusesReceive(refused, of: number, &excuse))
        }
        try await socket.send([1], to: socket.here)
        #expect(try await socket.receive().bytes == [1])
    }
}
