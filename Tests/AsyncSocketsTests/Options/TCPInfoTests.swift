import Glibc
import TestKit
import Testing

@testable import AsyncSockets
@testable import SocketSystem

@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct TCPInfoTests {
    /// Makes a connection over loopback.
    private func withConnection(
        _ body: (_ client: CInt, _ server: CInt, _ listener: CInt) throws -> Void
    ) throws {
        let listener = RawSocket(AF_INET, SOCK_STREAM)
        let loopback = SocketAddress.ipv4(.loopback, port: 0).storage
        // SAFETY: the storages lend their bytes for the calls.
        #expect(unsafe loopback.withSockaddr { unsafe bind(listener.descriptor, $0, $1) } == 0)
        #expect(listen(listener.descriptor, 1) == 0)
        var address = AddressStorage()
        unsafe address.withMutableSockaddr {
            _ = unsafe getsockname(listener.descriptor, $0, &$1)
        }
        let client = RawSocket(AF_INET, SOCK_STREAM)
        #expect(unsafe address.withSockaddr { unsafe connect(client.descriptor, $0, $1) } == 0)
        let server = RawSocket(adopting: accept(listener.descriptor, nil, nil))
        try body(client.descriptor, server.descriptor, listener.descriptor)
    }

    @Test("A connection's numbers are what was done with it")
    func connection() throws {
        try withConnection { client, server, listener in
            let bytes = [UInt8](repeating: 1, count: 5000)
            // SAFETY: the array has as many bytes.
            #expect(unsafe send(client, bytes, 5000, 0) == 5000)
            var buffer = bytes
            #expect(unsafe recv(server, &buffer, 5000, CInt(MSG_WAITALL)) == 5000)
            let info = try SocketOption.tcpInfo.read(from: client)
            #expect(info.state == .established)
            #expect(info.bytesSent == 5000)
            #expect(info.dataSegmentsSent >= 1)
            #expect(info.bytesRetransmitted == 0)
            #expect(info.features.contains(.selectiveAcknowledgement))
            #expect(info.sendWindowScale > 0)
            #expect(info.pathMTU > 1000)
            #expect(info.sendMaximumSegmentSize > 500)
            #expect(info.congestionWindow > 0)
            #expect(info.slowStartThreshold == nil)
            #expect(info.roundTripTime > .zero && info.roundTripTime < .seconds(30))
            #expect(info.retransmissionTimeout >= .milliseconds(100))
            #expect(info.timeSinceDataSent < .seconds(50))
            #expect((info.peerWindow ?? 1) > 0)
            #expect(info.maximumPacingRate == nil)
            let received = try SocketOption.tcpInfo.read(from: server)
            #expect(received.bytesReceived == 5000)
            #expect(try SocketOption.tcpInfo.read(from: listener).state == .listen)
        }
    }

    @Test("After a half-close both sides say so")
    func halfClose() throws {
        try withConnection { client, server, _ in
            #expect(shutdown(client, CInt(SHUT_WR)) == 0)
            var byte: UInt8 = 0
            // SAFETY: one byte is there.
            #expect(unsafe recv(server, &byte, 1, 0) == 0)
            #expect(try SocketOption.tcpInfo.read(from: server).state == .closeWait)
            let state = try SocketOption.tcpInfo.read(from: client).state
            #expect(state == .finWait2 || state == .finWait1)
            #expect(TCPInfo.State.closeWait.description == "closeWait")
        }
    }

    @Test("A structure of any length is read")
    func lengths() {
        for length in 0...300 {
            let info = TCPInfo([UInt8](repeating: 0xff, count: length))
            #expect((info.peerWindow == nil) == (length < 232))
            #expect(info.pathMTU == (length < 64 ? 0 : Int(UInt32.max)))
        }
        #expect(TCPInfo([]).state.description == "0")
    }

    @Test("Numbers are at the kernel's offsets")
    func layout() {
        var bytes = [UInt8](repeating: 0, count: 248)
        bytes[0] = 1
        bytes[6] = 0x97
        bytes[7] = 1
        bytes.replaceSubrange(68..<72, with: [0x40, 0x42, 0x0f, 0])
        bytes.replaceSubrange(200..<208, with: [1, 0, 0, 0, 0, 0, 0, 1])
        let info = TCPInfo(bytes)
        #expect(info.sendWindowScale == 7 && info.receiveWindowScale == 9)
        #expect(info.deliveryRateIsLimitedByApplication)
        #expect(info.roundTripTime == .seconds(1))
        #expect(info.bytesSent == 1 << 56 | 1)
    }
}
