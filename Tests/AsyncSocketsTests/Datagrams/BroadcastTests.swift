import AsyncSockets
import TestKit
import Testing

@Suite("Broadcast", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct BroadcastTests {
    /// Of the loopback network.
    static let loopback = IPv4Address(127, 255, 255, 255)

    @Test("without permission the error says what is missing")
    func needsPermission() async throws {
        let socket = try UDPSocket.bind(to: "0.0.0.0:0")
        do {
            try await socket.send("x", to: .ipv4(Self.loopback, port: 9))
            Issue.record("it was sent")
        } catch let error as SocketError {
            #expect(error.code == .permissionDenied)
            #expect("\(error)".contains("broadcast"))
        }
        // Permission can be had later.
        try socket.set(.broadcast, to: true)
        try await socket.send("x", to: .ipv4(Self.loopback, port: 9))
    }

    @Test("reaches every receiver on the port, of either kind")
    func reachesAll() async throws {
        let options = UDPOptions(reuseAddress: true)
        let first = try UDPSocket.bind(to: "127.255.255.255:0", options: options)
        let address = first.here
        let second = try UDPSocket.bind(to: address, options: options)
        let plain = DatagramPeer(port: first.port, address: 0x7fff_ffff, shared: true)
        let sender = try UDPSocket.bind(to: "127.0.0.1:0", options: UDPOptions(broadcast: true))
        try await sender.send("all", to: address)
        for socket in [first, second] {
            let datagram = try await socket.receive()
            #expect(datagram.bytes == Array("all".utf8))
            #expect(datagram.source == sender.here)
        }
        #expect(await onThread { plain.receive()?.bytes } == Array("all".utf8))
    }

    @Test("is received from a plain sender")
    func fromPlainSender() async throws {
        let socket = try UDPSocket.bind(
            to: "0.0.0.0:0",
            options: UDPOptions(metadata: .destination)
        )
        let peer = DatagramPeer()
        #expect(peer.send([1, 2], to: socket.port, at: 0x7fff_ffff))
        let datagram = try await socket.receive()
        #expect(datagram.bytes == [1, 2])
        #expect(datagram.metadata.destination == .v4(Self.loopback))
        #expect(datagram.metadata.interfaceIndex == (try NetworkInterface.loopback.index))
    }
}
