import AsyncSockets
import TestKit
import Testing

@Suite("Metadata of datagrams", .descriptorsBalanced, .timeLimit(.minutes(1)))
struct DatagramMetadataTests {
    @Test(
        "tells destination, interface, hop limit, class, ECN and time",
        arguments: ["127.0.0.1", "[::1]"]
    )
    func all(host: String) async throws {
        let socket = try UDPSocket.bind(to: "\(host):0", options: UDPOptions(metadata: .all))
        let sender = try UDPSocket.bind(to: "\(host):0")
        let options = SendOptions(hopLimit: 9, dscp: 46, ecn: .capable0)
        try await sender.send([1], to: socket.here, options: options)
        let metadata = try await socket.receive().metadata
        #expect(metadata.destination == socket.here.ip)
        #expect(metadata.interfaceIndex == (try NetworkInterface.loopback.index))
        #expect(metadata.hopLimit == 9)
        #expect(metadata.dscp == 46)
        #expect(metadata.ecn == .capable0)
        #expect((metadata.receiveTime ?? .zero) > .seconds(1_600_000_000))

        try await sender.send([2], to: socket.here, options: options)
        var memory = [UInt8](repeating: 0, count: 10)
        var span = memory.mutableSpan
        let header = try await socket.receive(into: &span)
        #expect(header.metadata.destination == socket.here.ip)
        #expect(header.metadata.dscp == 46)
    }

    @Test("is not there where it was not asked for")
    func none() async throws {
        let socket = try UDPSocket.onLoopback()
        try await socket.send([1], to: socket.here)
        #expect(try await socket.receive().metadata == DatagramMetadata())
    }

    @Test("an IPv6 socket tells it of IPv4, too")
    func dualStack() async throws {
        let socket = try UDPSocket.bind(to: "[::]:0", options: UDPOptions(metadata: .all))
        let sender = try UDPSocket.onLoopback()
        let there = SocketAddress.ipv4(.loopback, port: socket.port)
        try await sender.send([1], to: there, options: SendOptions(hopLimit: 5, ecn: .congestion))
        let datagram = try await socket.receive()
        #expect(datagram.metadata.destination?.unmapped == .v4(.loopback))
        #expect(datagram.metadata.hopLimit == 5)
        #expect(datagram.metadata.ecn == .congestion)
        // And answers from the address that was asked.
        let source = datagram.metadata.destination
        try await socket.send([2], to: datagram.source, options: SendOptions(source: source))
        #expect(try await sender.receive().source == there)
    }

    @Test("the source address can be chosen for each datagram")
    func chosenSource() async throws {
        let sender = try UDPSocket.bind(to: "0.0.0.0:0")
        let socket = try UDPSocket.onLoopback()
        for last in [2, 3, 4] as [UInt8] {
            let source = IPv4Address(127, 0, 0, last)
            try await sender.send(
                [last],
                to: socket.here,
                options: SendOptions(source: .v4(source))
            )
            let datagram = try await socket.receive()
            #expect(datagram.source == .ipv4(source, port: sender.port))
        }
        let foreign = SendOptions(source: .v4(IPv4Address(192, 0, 2, 1)))
        #expect(
            await failure { try await sender.send([0], to: socket.here, options: foreign) } != nil
        )
        let six = SendOptions(source: .v6(.loopback))
        #expect(
            await failure { try await sender.send([0], to: socket.here, options: six) }
                == .wrongAddressFamily
        )
    }
}
