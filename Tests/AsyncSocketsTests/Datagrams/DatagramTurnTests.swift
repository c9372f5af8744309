import Synchronization
import TestKit
import Testing

@testable import AsyncSockets
@testable import SocketReactor

@Suite("A UDP socket's turn on its loop", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct DatagramTurnTests {
    /// The ways to receive.
    enum Form: CaseIterable {
        case sequence, receive, memory, batch
    }

    /// Sends every datagram that arrives to the socket itself, until it is closed: it never has to
    /// wait for one.
    static func flood(_ socket: UDPSocket, _ form: Form) async throws {
        switch form {
        case .sequence:
            for try await datagram in socket {
                try await socket.send(datagram.bytes, to: datagram.source)
            }
        case .receive:
            while true {
                let datagram = try await socket.receive()
                try await socket.send(datagram.bytes, to: datagram.source)
            }
        case .memory:
            var memory = [UInt8](repeating: 0, count: 100)
            while true {
                var span = memory.mutableSpan
                let header = try await socket.receive(into: &span)
                try await socket.send(memory.span.extracting(0..<header.count), to: header.source)
            }
        case .batch:
            let batch = DatagramBatch()
            while true {
                try await socket.receive(into: batch)
                try await socket.send(batch)
            }
        }
    }

    @Test("a flood of datagrams does not starve the loop's other tasks", arguments: Form.allCases)
    func flood(form: Form) async throws {
        let group = try EventLoopGroup(loops: 1)
        let socket = try UDPSocket.bind(to: "127.0.0.1:0", on: group)
        let other = try UDPSocket.bind(to: "127.0.0.1:0", on: group)
        let sender = try UDPSocket.connect(to: other.here)
        for _ in 0..<20 { try await socket.send([1, 2, 3], to: socket.here) }
        await withEventLoops(on: group) {
            async let flooded = failure { try await Self.flood(socket, form) }
            async let served = failure {
                // Another socket of the loop is served meanwhile.
                for number in 0..<20 as Range<UInt8> {
                    try await sender.send([number])
                    #expect(try await other.receive().bytes == [number])
                }
                socket.close()
            }
            #expect(await served == nil)
            #expect(await flooded == .closed)
        }
        await group.shutdown()
    }

    static func isEager(_ socket: UDPSocket) -> Bool {
        socket.core.registration.state.load(ordering: .relaxed)[.read].has(Slot.eager)
    }

    @Test("an error that was taken does not make later receives try in vain")
    func errorIsTakenOnce() async throws {
        let socket = try UDPSocket.onLoopback()
        let registration = socket.core.registration
        // As if the loop had learned of an error that another task has taken meanwhile.
        _ = registration.step { $0.kernelReady([.read, .eagerRead], repeats: false) }
        #expect(Self.isEager(socket))
        var operation = Operation(.read, .standsInLine)
        #expect(try socket.core.tryReceive(&operation) == nil)
        if Self.isEager(socket) {
            // One of a thread's many operations lets others go first: its call is still to come.
            try await operation.wait(for: registration)
            #expect(try socket.core.tryReceive(&operation) == nil)
        }
        #expect(!Self.isEager(socket))
        try await socket.send([1], to: socket.here)
        try await operation.wait(for: registration)
        #expect(try socket.core.tryReceive(&operation)?.bytes == [1])
    }

    @Test("an error is reported, and the socket then waits as before", arguments: [true, false])
    func calmAfterError(queues: Bool) async throws {
        let socket = try UDPSocket.connect(
            to: deserted(),
            options: UDPOptions(queuesErrors: queues)
        )
        let receiving = Task { try await socket.receive().bytes }
        try await socket.send([1])
        if queues {
            var errors = socket.errors.makeAsyncIterator()
            #expect(try await errors.next()?.code == .connectionRefused)
        } else {
            #expect(await failure { _ = try await receiving.value } == .connectionRefused)
        }
        let again = try UDPSocket.bind(to: #require(socket.remoteAddress))
        try await again.send([2], to: socket.here)
        let bytes = queues ? try await receiving.value : try await socket.receive().bytes
        #expect(bytes == [2])
        // A receive that must wait finds out that nothing is left. The loop may be late to tell of
        // the error that was taken already: then the next one does.
        #expect(
            await eventually {
                _ = await failure {
                    try await withTimeout(.milliseconds(1)) { _ = try await socket.receive() }
                }
                return !Self.isEager(socket)
            }
        )
        var operation = Operation(.read, .standsInLine)
        #expect(try socket.core.tryReceive(&operation) == nil)
        try await again.send([3], to: socket.here)
        var datagram: Datagram?
        // The first wait may be for others that it lets go first.
        while datagram == nil {
            try await operation.wait(for: socket.core.registration)
            datagram = try socket.core.tryReceive(&operation)
        }
        #expect(datagram?.bytes == [3])
    }
}
