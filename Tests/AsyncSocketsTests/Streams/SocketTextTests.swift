import AsyncSockets
import TestKit
import Testing

@Suite("In a log", .descriptorsBalanced, .endsHangs)
struct SocketTextTests {
    @Test("a connection's text has its kind, its address and its peer")
    func connection() async throws {
        let (client, server) = try await tcpPair()
        let here = try #require(client.localAddress)
        let there = try #require(server.localAddress)
        #expect("\(client)" == "TCPConnection \(here) to \(there)")
        client.close()
        #expect("\(client)" == "TCPConnection to \(there)")
    }

    @Test("a listener's text has its address")
    func listener() throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        #expect("\(listener)" == "TCPListener \(listener.localAddress)")
        let local = try UnixListener.bind(to: "unix:")
        #expect("\(local)" == "UnixListener \(local.localAddress)")
    }

    @Test("a datagram socket names its peer if it has one")
    func datagrams() throws {
        let socket = try UDPSocket.bind(to: "127.0.0.1:0")
        let address = try #require(socket.localAddress)
        #expect("\(socket)" == "UDPSocket \(address)")
        let client = try UDPSocket.connect(to: address, from: .ipv4(.loopback, port: 0))
        #expect("\(client)".hasSuffix(" to \(address)"))
        let (end, _) = try UnixDatagramSocket.pair()
        #expect("\(end)" == "UnixDatagramSocket unix: to unix:")
    }

    @Test("a datagram of a test's own is as one that was received")
    func ownDatagram() throws {
        let source = try SocketAddress("192.0.2.1:53")
        let datagram = Datagram([1, 2], from: source, length: 5)
        #expect("\(datagram)" == "2 of 5 bytes from 192.0.2.1:53")
        #expect(datagram.truncated)
        #expect(datagram.metadata == DatagramMetadata())
        let message = UnixMessage([3], credentials: .init(processID: 1, userID: 2, groupID: 3))
        #expect(message.credentials?.userID == 2)
        #expect(message.source == .unixUnnamed)
    }
}
