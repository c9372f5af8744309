import AsyncSockets
import TestKit
import Testing

@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct DatagramNameTests {
    @Test("A datagram goes to a host given by name, of the socket's version")
    func send() async throws {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let receiver = try UDPSocket.bind(to: address)
            let sender = try UDPSocket.bind(to: address)
            let port = receiver.localAddress?.port ?? 0
            try await sender.send("hello", to: "localhost:\(port)")
            let datagram = try await receiver.receive()
            #expect(datagram.bytes == Array("hello".utf8))
            #expect(datagram.source == sender.localAddress)
        }
    }

    @Test("A socket binds and connects to a host given by name")
    func connect() async throws {
        let receiver = try await UDPSocket.bind(to: "localhost", port: 0, version: .v4)
        let port = receiver.localAddress?.port ?? 0
        let resolver = scriptedResolver(["receiver": ["127.0.0.1"], "nowhere": []])
        let sender = try await UDPSocket.connect(to: "receiver", port: port, resolver: resolver)
        try await sender.send("hello")
        #expect(try await receiver.receive().bytes == Array("hello".utf8))
        let error = await #expect(throws: SocketError.self) {
            try await UDPSocket.connect(to: "nowhere", port: port, resolver: resolver)
        }
        #expect(error?.code == .nameHasNoAddress)
    }
}
