import SocketReactor
import TestKit
import Testing

@testable import AsyncSockets
@testable import SocketSystem

@Suite(
    "Datagrams that were taken together",
    .descriptorsBalanced,
    .fewAtOnce,
    .endsHangs
)
struct DatagramQueueTests {
    /// Runs a body on a loop's thread, because there one call takes several datagrams.
    static func onLoop<Value: Sendable>(
        _ body: @Sendable @escaping () async throws -> Value
    ) async throws -> Value {
        let executor = EventLoopGroup.shared.taskExecutor
        return try await Task(executorPreference: executor, operation: body).value
    }

    /// A socket that lets the kernel join datagrams, the ways to say so.
    enum Joining: CaseIterable {
        case option, rawOption, settingLater, adopting

        func socket() throws -> UDPSocket {
            let raw = SocketOption<Int>.integer(level: 17, name: 104)
            switch self {
            case .option: return try .onLoopback(UDPOptions(joinsSegments: true))
            case .rawOption: return try .onLoopback(UDPOptions(socketOptions: [.set(raw, 1)]))
            case .settingLater:
                let socket = try UDPSocket.onLoopback()
                try socket.set(raw, to: 1)
                return socket
            case .adopting:
                let socket = try UDPSocket.onLoopback(UDPOptions(joinsSegments: true))
                return try UDPSocket(adopting: socket.detach())
            }
        }
    }

    @Test(
        "joined datagrams come into the caller's memory one by one",
        arguments: Joining.allCases,
        [true, false]
    )
    func joinedIntoMemory(joining: Joining, onLoops: Bool) async throws {
        let socket = try joining.socket()
        let sender = try UDPSocket.onLoopback()
        let bytes = (0..<10_500).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        try await sender.send(bytes, segmentSize: 1000, to: socket.here)
        let here = sender.here
        @Sendable func collect() async throws -> [[UInt8]] {
            var received: [[UInt8]] = []
            // Far less than the kernel hands over at once.
            var memory = [UInt8](repeating: 0, count: 1000)
            while received.count < 11 {
                var span = memory.mutableSpan
                let header = try await socket.receive(into: &span)
                #expect(header.source == here && !header.truncated)
                received.append(Array(memory[..<header.count]))
            }
            return received
        }
        let received = try await onLoops ? Self.onLoop(collect) : collect()
        #expect(received.map(\.count) == Array(repeating: 1000, count: 10) + [500])
        #expect(received.flatMap { $0 } == bytes)
    }

    @Test("joined datagrams that are longer than a batch's entries are taken apart")
    func joinedIntoSmallEntries() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(joinsSegments: true))
        let sender = try UDPSocket.onLoopback()
        let bytes = (0..<10_500).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        try await sender.send(bytes, segmentSize: 1000, to: socket.here)
        let batch = DatagramBatch(capacity: 4, datagramSize: 2048)
        var received: [[UInt8]] = []
        while received.count < 11 {
            try await socket.receive(into: batch)
            for index in batch.indices {
                #expect(batch.length(at: index) == batch.byteCount(at: index))
                let bytes = batch[index].bytes
                // The last two fit joined as they are.
                let size = batch.segmentSize(at: index) ?? bytes.count
                for start in stride(from: 0, to: bytes.count, by: size) {
                    received.append(Array(bytes[start..<min(start + size, bytes.count)]))
                }
            }
        }
        #expect(received.map(\.count) == Array(repeating: 1000, count: 10) + [500])
        #expect(received.flatMap { $0 } == bytes)
    }

    @Test("joined datagrams of several senders keep their sources")
    func joinedOfSeveral() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(joinsSegments: true))
        let senders = try (0..<3).map { _ in try UDPSocket.onLoopback() }
        for (number, sender) in senders.enumerated() {
            let bytes = [UInt8](repeating: UInt8(number), count: 1050)
            try await sender.send(bytes, segmentSize: 100, to: socket.here)
            try await sender.send([UInt8(number)], to: socket.here)
        }
        let sources = senders.map(\.here)
        let sizes = try await Self.onLoop {
            var sizes: [SocketAddress: [Int]] = [:]
            for _ in 0..<36 {
                let datagram = try await socket.receive()
                sizes[datagram.source, default: []].append(datagram.bytes.count)
                #expect(datagram.bytes.allSatisfy { sources[Int($0)] == datagram.source })
            }
            return sizes
        }
        let expected = Array(repeating: 100, count: 10) + [50, 1]
        for source in sources { #expect(sizes[source] == expected) }
    }

    @Test("a batch gets what a loop has left with its length, source and metadata")
    func leftOverFacts() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(metadata: .all))
        let sender = try UDPSocket.onLoopback()
        for number in 1...5 as ClosedRange<UInt8> {
            try await sender.send(
                [UInt8](repeating: number, count: Int(number)),
                to: socket.here,
                options: SendOptions(hopLimit: number, dscp: 10)
            )
        }
        let here = sender.here
        try await Self.onLoop {
            #expect(try await socket.receive().bytes == [1])
            let batch = DatagramBatch(capacity: 3, datagramSize: 3)
            #expect(try await socket.receive(into: batch) == 3)
            for index in 0..<3 {
                let number = index + 2
                #expect(batch.length(at: index) == number)
                #expect(batch.byteCount(at: index) == min(number, 3))
                #expect(batch[index].truncated == (number > 3))
                #expect(batch.address(at: index) == here)
                #expect(batch.metadata(at: index).hopLimit == UInt8(number))
                #expect(batch.metadata(at: index).dscp == 10)
                #expect(batch.metadata(at: index).destination == .v4(.loopback))
            }
            var memory = [UInt8](repeating: 0, count: 10)
            var span = memory.mutableSpan
            let header = try await socket.receive(into: &span)
            #expect(header.count == 5 && header.metadata.hopLimit == 5)
            #expect(memory[..<5] == [5, 5, 5, 5, 5])
        }
    }

    @Test("a batch that was filled from what a loop has left is sent back to the senders")
    func leftOverEchoed() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(metadata: .all))
        let peers = (0..<4).map { _ in DatagramPeer() }
        for (number, peer) in peers.enumerated() { peer.send([UInt8(number)], to: socket.port) }
        try await Self.onLoop {
            _ = try await socket.receive()
            let batch = DatagramBatch()
            #expect(try await socket.receive(into: batch) == 3)
            try await socket.send(batch)
        }
        for (number, peer) in peers.enumerated().dropFirst() {
            #expect(await onThread { peer.receive()?.bytes } == [UInt8(number)])
        }
    }

    @Test("small and large datagrams in turn come whole into the caller's memory")
    func changingSizes() async throws {
        let socket = try UDPSocket.onLoopback(
            UDPOptions(socketOptions: [.set(.receiveBufferSize, 4 << 20)])
        )
        let sender = try UDPSocket.onLoopback()
        let sizes = (0..<60).map { $0.isMultiple(of: 3) ? 60_000 : $0 * 50 }
        for size in sizes {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ size) }
            try await sender.send(bytes, to: socket.here)
        }
        try await Self.onLoop {
            var memory = [UInt8](repeating: 0, count: 65_536)
            for size in sizes {
                var span = memory.mutableSpan
                let header = try await socket.receive(into: &span)
                #expect(header.count == size && header.length == size)
                let isWhole = (0..<size).allSatisfy {
                    memory[$0] == UInt8(truncatingIfNeeded: $0 &+ size)
                }
                #expect(isWhole)
            }
        }
    }

    @Test("what was taken and not received is had before the descriptor is given away")
    func receiveQueued() async throws {
        let socket = try UDPSocket.onLoopback()
        let peer = DatagramPeer()
        for number in 0..<20 as Range<UInt8> { peer.send([number], to: socket.port) }
        let numbers = try await Self.onLoop {
            var numbers = try await socket.receive().bytes
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            for datagram in try socket.receiveQueued() { numbers += datagram.bytes }
            #expect(try socket.receiveQueued().isEmpty)
            return numbers
        }
        #expect(numbers.count > 1)
        let again = try UDPSocket(adopting: socket.detach())
        var rest: [UInt8] = []
        while numbers.count + rest.count < 20 { rest += try await again.receive().bytes }
        #expect(numbers + rest == Array(0..<20))
        #expect(throws: SocketError.self) { try socket.receiveQueued() }
    }

    @Test("control data for which there was no room is said to be missing")
    func truncatedControl() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(metadata: .all))
        try await socket.send([1], to: socket.here)
        let batch = MessageBatch(capacity: 1, messageSize: 100, controlSize: 32)
        let transfer = socket.core.registration.use { batch.receive(from: $0) }
        #expect(transfer?.count == 1)
        #expect(DatagramMetadata(0, of: batch).isIncomplete)
        #expect(Datagram(firstOf: batch).metadata.isIncomplete)
        try await socket.send([1], to: socket.here)
        #expect(try await !socket.receive().metadata.isIncomplete)
        // All that can be asked for fits into a batch's entry, on a socket of either version too.
        let dual = try UDPSocket.bind(
            to: "[::]:0",
            options: UDPOptions(metadata: .all, joinsSegments: true)
        )
        try await socket.send([1], to: .ipv4(.loopback, port: dual.port))
        let entries = DatagramBatch(capacity: 1, datagramSize: 65_535)
        try await dual.receive(into: entries)
        #expect(!entries.metadata(at: 0).isIncomplete)
    }
}
