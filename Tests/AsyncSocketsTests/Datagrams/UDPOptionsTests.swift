import AsyncSockets
import TestKit
import Testing

@Suite("The options of a UDP socket", .descriptorsBalanced, .endsHangs)
struct UDPOptionsTests {
    private func options() throws -> UDPOptions {
        UDPOptions(
            multicastInterface: try .loopback,
            multicastHopLimit: 7,
            multicastLoopback: false
        )
    }

    @Test("say how it sends to groups, over IPv4")
    func multicastIPv4() throws {
        let socket = try UDPSocket.bind(to: "127.0.0.1:0", options: options())
        #expect(try socket.get(.multicastTimeToLive) == 7)
        #expect(try !socket.get(.multicastLoopback))
    }

    @Test("say so over IPv6, and for the IPv4 that the socket may carry")
    func multicastIPv6() throws {
        let socket = try UDPSocket.bind(to: "[::]:0", options: options())
        #expect(try socket.get(.multicastInterfaceIPv6) == NetworkInterface.loopback.index)
        #expect(try socket.get(.multicastHopLimit) == 7)
        #expect(try socket.get(.multicastTimeToLive) == 7)
        #expect(try !socket.get(.multicastLoopbackIPv6))
        #expect(try !socket.get(.multicastLoopback))
    }

    @Test("choose the interface by which a message to a group leaves")
    func multicastInterface() async throws {
        let member = try UDPSocket.bind(to: "239.0.0.44:0", options: UDPOptions(reuseAddress: true))
        try member.join("239.0.0.44", on: .loopback)
        let group = try #require(member.localAddress)
        // Without a route to groups, only the option gives the interface.
        let sender = try UDPSocket.bind(
            to: "0.0.0.0:0",
            options: UDPOptions(multicastInterface: .loopback)
        )
        try await sender.send("hello", to: group)
        #expect(try await member.receive().bytes == Array("hello".utf8))
    }

    @Test("leave a socket by default as the system has it")
    func defaults() throws {
        let socket = try UDPSocket.bind(to: "127.0.0.1:0")
        #expect(try socket.get(.multicastTimeToLive) == 1)
        #expect(try socket.get(.multicastLoopback))
        #expect(try !socket.get(.multicastAll))
    }
}
