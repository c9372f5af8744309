import AsyncSockets
import TestKit
import Testing

@Suite(
    "A UDP socket that changes its peer",
    .descriptorsBalanced,
    .fewAtOnce,
    .endsHangs
)
struct UDPPeerTests {
    @Test(
        "keeps the port that the kernel chose when it was bound",
        arguments: ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"]
    )
    func keepsBoundPort(address: String) async throws {
        let isIPv6 = address.hasPrefix("[")
        let host = isIPv6 ? "[::1]" : "127.0.0.1"
        let (peer, other) = (
            try UDPSocket.bind(to: "\(host):0"), try UDPSocket.bind(to: "\(host):0")
        )
        let socket = try UDPSocket.bind(to: address)
        let before = socket.here
        try socket.disconnect()
        #expect(socket.here == before)
        for _ in 0..<2 {
            try socket.connect(to: peer.here)
            #expect(socket.port == before.port)
            let reached = socket.here
            try await peer.send("kept", to: reached)
            try socket.disconnect()
            #expect(socket.here == before && socket.remoteAddress == nil)
            try await other.send("heard", to: reached)
            #expect(try await socket.receive().bytes == Array("kept".utf8))
            #expect(try await socket.receive().bytes == Array("heard".utf8))
        }
    }

    @Test("keeps the port that the kernel chose when it was connected", arguments: [4, 6])
    func keepsConnectedPort(version: Int) async throws {
        let peer = try UDPSocket.bind(to: version == 4 ? "127.0.0.1:0" : "[::1]:0")
        let socket = try UDPSocket.connect(to: peer.here)
        let before = socket.here
        try socket.disconnect()
        #expect(socket.port == before.port)
        #expect(socket.here.ip?.isUnspecified == true)
        try await peer.send("heard", to: before)
        #expect(try await socket.receive().bytes == Array("heard".utf8))
    }

    @Test("keeps its port if it was made elsewhere", arguments: [false, true])
    func keepsAdoptedPort(connected: Bool) async throws {
        let peer = try UDPSocket.onLoopback()
        let first = try UDPSocket.onLoopback()
        let address = first.here
        if connected { try first.connect(to: peer.here) }
        let socket = try UDPSocket(adopting: first.detach())
        if !connected { try socket.connect(to: peer.here) }
        #expect(socket.remoteAddress == peer.here)
        try socket.disconnect()
        #expect(socket.here == address)
        try await peer.send("heard", to: address)
        #expect(try await socket.receive().bytes == Array("heard".utf8))
    }

    @Test("stays bound to its interface", arguments: ["127.0.0.1:0", "[::1]:0"])
    func keepsInterface(address: String) throws {
        let peer = try UDPSocket.bind(to: address)
        let options = UDPOptions(socketOptions: [.set(.bindToDevice, "lo")])
        let socket = try UDPSocket.bind(to: address, options: options)
        try socket.connect(to: peer.here)
        try socket.disconnect()
        #expect(try socket.get(.bindToDevice) == "lo")
        let connected = try UDPSocket.connect(to: peer.here, options: options)
        try connected.connect(to: peer.here)
        #expect(try connected.get(.bindToDevice) == "lo")
    }

    @Test("says that it is closed, and that an address is none of UDP's")
    func refusals() async throws {
        let socket = try UDPSocket.onLoopback()
        #expect(await failure { try socket.connect(to: .unixUnnamed) } == .wrongAddressFamily)
        #expect(await failure { try socket.connect(to: "[::1]:9") } == .wrongAddressFamily)
        #expect(socket.remoteAddress == nil)
        socket.close()
        #expect(await failure { try socket.disconnect() } == .closed)
        #expect(await failure { try socket.connect(to: "127.0.0.1:9") } == .closed)
    }

    @Test("sends from the address that the way to the new peer begins at")
    func changesAddress() async throws {
        guard let hosts = TwoHosts() else { return }
        let (socket, bound) = try await hosts.inside(hosts.left) {
            (try UDPSocket.connect(to: "127.0.0.1:9"), try UDPSocket.bind(to: "127.0.0.1:0"))
        }
        let port = socket.port
        try bound.connect(to: "127.0.0.1:9")
        try socket.connect(to: "198.18.7.2:9")
        #expect(socket.here == (try SocketAddress("198.18.7.1:\(port)")))
        try socket.connect(to: "127.0.0.1:9")
        #expect(socket.here == (try SocketAddress("127.0.0.1:\(port)")))
        // An address that the program chose is kept, even if nothing can be sent from it.
        let before = bound.here
        #expect(await failure { try bound.connect(to: "198.18.7.2:9") } == .invalidArgument)
        #expect(bound.here == before)
    }

    @Test("keeps the peer that it has if the new one cannot be reached")
    func keepsPeer() async throws {
        guard let hosts = TwoHosts() else { return }
        let (socket, peer) = try await hosts.inside(hosts.left) {
            let peer = try UDPSocket.onLoopback()
            return (try UDPSocket.connect(to: peer.here), peer)
        }
        let before = socket.here
        #expect(await failure { try socket.connect(to: "203.0.113.1:9") } == .networkUnreachable)
        #expect(socket.remoteAddress == peer.here && socket.here == before)
        try await socket.send("still")
        #expect(try await peer.receive().source == before)
    }

    @Test("leaves the link of a peer that had one")
    func leavesLink() async throws {
        guard let hosts = TwoHosts() else { return }
        let (socket, tied, peer) = try await hosts.inside(hosts.left) {
            let peer = try UDPSocket.bind(to: "[::1]:0")
            let tied = UDPOptions(socketOptions: [.set(.bindToDevice, "v0")])
            return (
                try UDPSocket.connect(to: SocketAddress("[fe80::2%v0]:9")),
                try UDPSocket.connect(to: SocketAddress("[fe80::2%v0]:9"), options: tied), peer
            )
        }
        #expect(try await hosts.inside(hosts.left) { try socket.get(.bindToDevice) } == "v0")
        try socket.connect(to: peer.here)
        #expect(try socket.get(.bindToDevice) == "")
        try await socket.send("near")
        #expect(try await peer.receive().source == socket.here)
        try tied.disconnect()
        #expect(try await hosts.inside(hosts.left) { try tied.get(.bindToDevice) } == "v0")
    }
}
