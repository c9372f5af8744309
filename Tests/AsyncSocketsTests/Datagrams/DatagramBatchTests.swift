import AsyncSockets
import TestKit
import Testing

@Suite("Many datagrams at once", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct DatagramBatchTests {
    @Test("a batch is received and echoed, each to its sender")
    func echo() async throws {
        let socket = try UDPSocket.onLoopback()
        let peers = (0..<10).map { _ in DatagramPeer() }
        for (number, peer) in peers.enumerated() {
            peer.send([UInt8](repeating: UInt8(number), count: number), to: socket.port)
        }
        let batch = DatagramBatch(capacity: 4)
        var count = 0
        while count < 10 {
            count += try await socket.receive(into: batch)
            #expect(batch.count <= 4)
            try await socket.send(batch)
            #expect(batch.sentCount == batch.count)
        }
        for (number, peer) in peers.enumerated() {
            let answer = await onThread { peer.receive()?.bytes }
            #expect(answer == [UInt8](repeating: UInt8(number), count: number))
        }
    }

    @Test("a batch tells truncation, sources and metadata")
    func batchTellsMetadata() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(metadata: .destination))
        let sender = try UDPSocket.onLoopback()
        try await sender.send([1, 2, 3], to: socket.here)
        let batch = DatagramBatch(capacity: 2, datagramSize: 2)
        #expect(try await socket.receive(into: batch) == 1)
        #expect(batch.length(at: 0) == 3 && batch.byteCount(at: 0) == 2)
        #expect(batch[0].bytes == [1, 2] && batch[0].truncated)
        #expect(batch.address(at: 0) == sender.here)
        #expect(batch.metadata(at: 0).destination == .v4(.loopback))
        #expect(batch.withBytes(at: 0) { $0.count } == 2)
    }

    @Test("a batch that is built is sent, and stops at what cannot be sent")
    func sendsBuiltBatch() async throws {
        let socket = try UDPSocket.onLoopback()
        let sender = try UDPSocket.bind(to: "0.0.0.0:0")
        let batch = DatagramBatch(capacity: 3)
        #expect(try batch.append([1], to: socket.here))
        #expect(try batch.append([2], to: .ipv4(IPv4Address(127, 255, 255, 255), port: 9)))
        #expect(try batch.append([3], to: socket.here))
        #expect(try !batch.append([4], to: socket.here))
        #expect(await failure { try await sender.send(batch) } == .permissionDenied)
        #expect(batch.sentCount == 1)
        try await sender.send(batch, from: batch.sentCount + 1)
        #expect(try await socket.receive().bytes == [1])
        #expect(try await socket.receive().bytes == [3])
        batch.removeAll()
        #expect(try !batch.append([UInt8](repeating: 0, count: 2049), to: socket.here))
        try await sender.send(batch)
    }

    @Test("what a loop has left over comes first in a batch")
    func leftOver() async throws {
        let socket = try UDPSocket.onLoopback()
        let peer = DatagramPeer()
        for number in 0..<10 as Range<UInt8> { peer.send([number], to: socket.port) }
        let numbers = try await Task(executorPreference: EventLoopGroup.shared.taskExecutor) {
            var numbers = try await socket.receive().bytes
            let batch = DatagramBatch()
            while numbers.count < 9 {
                try await socket.receive(into: batch)
                for index in batch.indices { numbers += batch[index].bytes }
            }
            if numbers.count < 10 { numbers += try await socket.receive().bytes }
            return numbers
        }.value
        #expect(numbers == Array(0..<10))
    }

    @Test("one buffer is cut into datagrams of one size", arguments: [1, 100, 1000, 40_000])
    func segments(size: Int) async throws {
        let socket = try UDPSocket.onLoopback(
            UDPOptions(socketOptions: [.set(.receiveBufferSize, 4 << 20)])
        )
        let sender = try UDPSocket.onLoopback()
        let bytes = (0..<min(size * 150, 100_000) + 1).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let receiving = Task {
            var received: [[UInt8]] = []
            var count = 0
            while count < bytes.count {
                received.append(try await socket.receive().bytes)
                count += received.last?.count ?? 0
            }
            return received
        }
        try await sender.send(bytes, segmentSize: size, to: socket.here)
        let received = try await receiving.value
        #expect(received.dropLast().allSatisfy { $0.count == size })
        #expect(received.flatMap { $0 } == bytes)
    }

    @Test("joined datagrams are handed out one by one")
    func joinedOneByOne() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(joinsSegments: true))
        let sender = try UDPSocket.onLoopback()
        let bytes = (0..<10_500).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        try await sender.send(bytes, segmentSize: 1000, to: socket.here)
        var received: [[UInt8]] = []
        for _ in 0..<5 { received.append(try await socket.receive().bytes) }
        var memory = [UInt8](repeating: 0, count: 2000)
        for _ in 5..<11 {
            var span = memory.mutableSpan
            let header = try await socket.receive(into: &span)
            #expect(header.source == sender.here && !header.truncated)
            received.append(Array(memory[..<header.count]))
        }
        #expect(received.map(\.count) == Array(repeating: 1000, count: 10) + [500])
        #expect(received.flatMap { $0 } == bytes)
    }

    @Test("a batch keeps joined datagrams together and sends them as they came")
    func joinedBatch() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(joinsSegments: true))
        let sender = try UDPSocket.onLoopback()
        let bytes = (0..<10_500).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        try await sender.send(bytes, segmentSize: 1000, to: socket.here)
        let batch = DatagramBatch(capacity: 4, datagramSize: 65_535)
        #expect(try await socket.receive(into: batch) == 1)
        #expect(batch.segmentSize(at: 0) == 1000)
        try await socket.send(batch)
        var received: [[UInt8]] = []
        for _ in 0..<11 { received.append(try await sender.receive().bytes) }
        #expect(received.flatMap { $0 } == bytes)
        #expect(received.last?.count == 500)
    }

    @Test("a size that no datagram can have is an error")
    func badSize() async throws {
        let socket = try UDPSocket.onLoopback()
        for size in [0, -1, 65_508, .max] {
            let code = await failure {
                try await socket.send([1], segmentSize: size, to: socket.here)
            }
            #expect(code == .invalidArgument)
        }
    }

    @Test("a segment size that cannot be is an error of the entry")
    func badEntrySize() async throws {
        let socket = try UDPSocket.onLoopback()
        let batch = DatagramBatch(capacity: 2, datagramSize: 65_535)
        for size in [0, -1, 65_508, .max] {
            let code = await failure { _ = try batch.append([1, 2], to: nil, segmentSize: size) }
            #expect(code == .invalidArgument)
        }
        let bytes = [UInt8](repeating: 1, count: 641)
        let many = await failure { _ = try batch.append(bytes, to: nil, segmentSize: 10) }
        #expect(many == .invalidArgument)
        #expect(batch.isEmpty)
        #expect(try batch.append(Array(bytes[1...]), to: socket.here, segmentSize: 10))
        try await socket.send(batch)
        for _ in 0..<64 { #expect(try await socket.receive().bytes.count == 10) }
    }

    @Test("entries with and without segments go together")
    func mixedSegments() async throws {
        let socket = try UDPSocket.onLoopback()
        let sender = try UDPSocket.onLoopback()
        let batch = DatagramBatch(capacity: 3, datagramSize: 1000)
        #expect(try batch.append([1], to: socket.here))
        let cut = [UInt8](repeating: 2, count: 250)
        #expect(try batch.append(cut, to: socket.here, segmentSize: 100))
        #expect(try batch.append([3, 3], to: socket.here, segmentSize: 100))
        try await sender.send(batch)
        var received: [[UInt8]] = []
        for _ in 0..<5 { received.append(try await socket.receive().bytes) }
        #expect(received.map(\.count) == [1, 100, 100, 50, 2])
        #expect(received.map { $0[0] } == [1, 2, 2, 2, 3])
    }

    @Test("more datagrams than the kernel takes at once are all sent, and all received")
    func lotsOfData() async throws {
        let socket = try UDPSocket.onLoopback(
            UDPOptions(socketOptions: [.set(.receiveBufferSize, 4 << 20)])
        )
        let sender = try UDPSocket.connect(
            to: socket.here,
            options: UDPOptions(socketOptions: [.set(.sendBufferSize, 4608)])
        )
        let count = 1024
        let here = socket.here
        let sending = Task {
            let batch = DatagramBatch(capacity: count, datagramSize: 2)
            for number in 0..<count {
                let bytes = [UInt8(number & 255), UInt8(number >> 8)]
                #expect(try batch.append(bytes, to: here))
            }
            try await sender.send(batch)
            return batch.sentCount
        }
        var numbers: [Int] = []
        let batch = DatagramBatch(capacity: 1000, datagramSize: 2)
        while numbers.count < count {
            try await socket.receive(into: batch)
            for index in batch.indices {
                batch.withBytes(at: index) { numbers.append(Int($0[0]) | Int($0[1]) << 8) }
            }
        }
        #expect(numbers == Array(0..<count))
        #expect(try await sending.value == count)
    }
}
