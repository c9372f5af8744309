import AsyncSockets
import TestKit
import Testing

@Suite("Metadata of datagrams", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct DatagramMetadataTests {
    @Test(
        "tells destination, interface, hop limit, class, ECN and time",
        arguments: ["127.0.0.1", "[::1]"]
    )
    func tellsAllMetadata(host: String) async throws {
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

    @Test("is not there if it was not asked for")
    func tellsNoneUnasked() async throws {
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

    @Test("an IPv6 socket sends a class of service and ECN over IPv4, too")
    func dualStackClass() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(metadata: .trafficClass))
        let sender = try UDPSocket.bind(to: "[::]:0")
        let mapped = SocketAddress(.v6(IPv6Address(mapping: .loopback)), port: socket.port)
        for there in [socket.here, mapped] {
            let options = SendOptions(dscp: 46, ecn: .capable0)
            try await sender.send([1], to: there, options: options)
            let both = try await socket.receive().metadata
            #expect(both.dscp == 46 && both.ecn == .capable0)
            try sender.set(.typeOfService, to: 10 << 2 | 1)
            try await sender.send([1], to: there, options: SendOptions(ecn: .congestion))
            let ecn = try await socket.receive().metadata
            #expect(ecn.dscp == 10 && ecn.ecn == .congestion)
        }
    }

    @Test("the number of lost datagrams is nil until the first is lost")
    func dropCount() async throws {
        let socket = try UDPSocket.onLoopback(
            UDPOptions(metadata: .dropCount, socketOptions: [.set(.receiveBufferSize, 1)])
        )
        let sender = try UDPSocket.onLoopback()
        try await sender.send([0], to: socket.here)
        #expect(try await socket.receive().metadata.dropCount == nil)
        // Far more than there is room for.
        for number in 1...200 as ClosedRange<UInt8> {
            try await sender.send([number], to: socket.here)
        }
        // Those that were queued before the first was lost, up to one that was queued after it.
        var received: UInt32 = 0
        var last = try await socket.receive()
        while last.bytes != [255] {
            #expect(last.metadata.dropCount == nil)
            received += 1
            try await sender.send([255], to: socket.here)
            last = try await socket.receive()
        }
        #expect(received < 200)
        #expect(try #require(last.metadata.dropCount) >= 200 - received)
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

    @Test("a class of service and ECN are set apart, the other stays the socket's")
    func classAndECN() async throws {
        for host in ["127.0.0.1", "[::1]"] {
            let socket = try UDPSocket.bind(
                to: "\(host):0",
                options: UDPOptions(metadata: .trafficClass)
            )
            let sender = try UDPSocket.bind(to: "\(host):0")
            if host == "127.0.0.1" {
                try sender.set(.typeOfService, to: 46 << 2 | 1)
            } else {
                try sender.set(.trafficClass, to: 46 << 2 | 1)
            }
            try await sender.send([1], to: socket.here, options: SendOptions(ecn: .capable0))
            let first = try await socket.receive().metadata
            #expect(first.dscp == 46 && first.ecn == .capable0)
            try await sender.send([1], to: socket.here, options: SendOptions(dscp: 10))
            let second = try await socket.receive().metadata
            #expect(second.dscp == 10 && second.ecn == .capable1)
        }
    }

    @Test("a class of service that there is not is an error")
    func badClass() async throws {
        let socket = try UDPSocket.onLoopback()
        for dscp in [64, 255] as [UInt8] {
            let code = await failure {
                try await socket.send([1], to: socket.here, options: SendOptions(dscp: dscp))
            }
            #expect(code == .invalidArgument)
        }
        try await socket.send([2], to: socket.here, options: SendOptions(dscp: 63))
        #expect(try await socket.receive().bytes == [2])
    }

    @Test("options go with bytes of every kind")
    func kindsOfBytes() async throws {
        let socket = try UDPSocket.onLoopback(UDPOptions(metadata: .hopLimit))
        let options = SendOptions(hopLimit: 7)
        let bytes: [UInt8] = [0, 1, 2, 3]
        try await socket.send(bytes.span.extracting(1..<3), to: socket.here, options: options)
        try await socket.send(bytes, to: socket.here, options: options)
        try await socket.send("text", to: socket.here, options: options)
        for expected in [[1, 2], bytes, Array("text".utf8)] {
            let datagram = try await socket.receive()
            #expect(datagram.bytes == expected && datagram.metadata.hopLimit == 7)
        }
    }

    @Test("what a group or a broadcast address was sent is answered from an own address")
    func answersGroups() async throws {
        let options = UDPOptions(reuseAddress: true, metadata: .destination)
        let member = try UDPSocket.bind(to: "0.0.0.0:0", options: options)
        try member.join("239.0.0.71", on: .loopback)
        let asker = try UDPSocket.bind(to: "127.0.0.1:0", options: UDPOptions(broadcast: true))
        try asker.set(.multicastInterface, to: NetworkInterface.loopback.index)
        for host in ["239.0.0.71", "127.255.255.255", "127.0.0.9"] {
            try await asker.send("?", to: "\(host):\(member.port)")
            let question = try await member.receive()
            #expect(question.metadata.destination == (try IPAddress(host)))
            let own = host == "127.0.0.9" ? IPv4Address(127, 0, 0, 9) : .loopback
            #expect(question.metadata.localAddress == .v4(own))
            let answer = SendOptions(source: question.metadata.localAddress)
            try await member.send("!", to: question.source, options: answer)
            #expect(try await asker.receive().source == .ipv4(own, port: member.port))
        }
        do {
            let group = SendOptions(source: try IPAddress("239.0.0.71"))
            try await member.send("!", to: asker.here, options: group)
            Issue.record("it was sent from a group")
        } catch let error as SocketError {
            #expect(error.code == .invalidArgument)
            #expect("\(error)".contains("239.0.0.71 is a group"))
        }
    }
}
