import AsyncSockets
import TestKit
import Testing

@Suite(
    "A datagram socket that others share",
    .descriptorsBalanced,
    .fewAtOnce,
    .endsHangs
)
struct SharedDatagramTests {
    /// Two sockets of one open socket, of which the first one is the one to be tried.
    enum Sharing: CaseIterable {
        case adopted, duplicated

        func pair(_ options: UDPOptions = UDPOptions()) throws -> (UDPSocket, UDPSocket) {
            let original = try UDPSocket.onLoopback(options)
            let copy = try UDPSocket(adopting: original.duplicateDescriptor().detach())
            return self == .adopted ? (copy, original) : (original, copy)
        }
    }

    /// The ways to receive one datagram.
    enum Verb: CaseIterable {
        case receive, iterate, intoSpan, batchOfOne

        func next(_ socket: UDPSocket) async throws -> [UInt8] {
            switch self {
            case .receive: return try await socket.receive().bytes
            case .iterate:
                var datagrams = socket.makeAsyncIterator()
                return try await datagrams.next()?.bytes ?? []
            case .intoSpan:
                var bytes = [UInt8](repeating: 0, count: 100)
                var span = bytes.mutableSpan
                let header = try await socket.receive(into: &span)
                return Array(bytes[..<header.count])
            case .batchOfOne:
                let batch = DatagramBatch(capacity: 1)
                try await socket.receive(into: batch)
                return batch[0].bytes
            }
        }
    }

    @Test(
        "takes one for each receive: the others are for whoever has time",
        arguments: Sharing.allCases,
        Verb.allCases
    )
    func takesOne(sharing: Sharing, verb: Verb) async throws {
        let (socket, other) = try sharing.pair()
        let peer = DatagramPeer()
        for number in 0..<16 as Range<UInt8> { peer.send([number], to: socket.port) }
        // On a loop, where a socket of this process alone would take all at once.
        try await DatagramQueueTests.onLoop { () async throws in
            #expect(try await verb.next(socket) == [0])
            #expect(try socket.receiveQueued().isEmpty)
            for number in 1..<16 as Range<UInt8> {
                let receiver = number.isMultiple(of: 3) ? socket : other
                #expect(try await verb.next(receiver) == [number])
            }
        }
    }

    @Test("takes as many as a batch has room for, which hands them all out")
    func batch() async throws {
        let (socket, other) = try Sharing.adopted.pair()
        let peer = DatagramPeer()
        for number in 0..<10 as Range<UInt8> { peer.send([number], to: socket.port) }
        let batch = DatagramBatch(capacity: 4)
        #expect(try await socket.receive(into: batch) == 4)
        #expect(try await other.receive(into: batch) == 4)
        #expect(batch[0].bytes == [4])
        #expect(try await socket.receive(into: batch) == 2)
    }

    @Test("keeps what it had taken before it was shared, in order")
    func sharedLater() async throws {
        let socket = try UDPSocket.onLoopback()
        let peer = DatagramPeer()
        for number in 0..<20 as Range<UInt8> { peer.send([number], to: socket.port) }
        try await DatagramQueueTests.onLoop { () async throws in
            #expect(try await socket.receive().bytes == [0])
            let other = try UDPSocket(adopting: socket.duplicateDescriptor().detach())
            // Sixteen were taken with the first one's call.
            for number in 1..<16 as Range<UInt8> {
                #expect(try await socket.receive().bytes == [number])
            }
            #expect(try await other.receive().bytes == [16])
            #expect(try await socket.receive().bytes == [17])
        }
    }

    @Test("joined datagrams are handed out in order, whoever shares the socket")
    func joined() async throws {
        let (socket, other) = try Sharing.duplicated.pair(UDPOptions(joinsSegments: true))
        let sender = try UDPSocket.onLoopback()
        for first in [0, 10] as [UInt8] {
            let bytes = (0..<5).flatMap { [UInt8](repeating: first + $0, count: 100) }
            try await sender.send(bytes, segmentSize: 100, to: socket.here)
        }
        try await DatagramQueueTests.onLoop { () async throws in
            for number in 0..<5 as Range<UInt8> {
                #expect(try await socket.receive().bytes.first == number)
            }
            for number in 10..<15 as Range<UInt8> {
                #expect(try await other.receive().bytes.first == number)
            }
        }
    }

    @Test("a loop that is cancelled leaves all that was not handed out")
    func cancelledLoop() async throws {
        let socket = try UDPSocket.onLoopback()
        let peer = DatagramPeer()
        for number in 0..<16 as Range<UInt8> { peer.send([number], to: socket.port) }
        let handled = try await DatagramQueueTests.onLoop {
            var handled: [UInt8] = []
            do {
                for try await datagram in socket {
                    handled += datagram.bytes
                    if handled.count == 3 { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
                }
            } catch is CancellationError {}
            return handled + (try socket.receiveQueued().flatMap(\.bytes))
        }
        #expect(handled == Array(0..<16))
    }
}
