import Glibc
import TestKit
import Testing

@testable import SocketSystem

/// O_NONBLOCK belongs to the open file: another process that shares it can clear it. No call that
/// receives or sends may wait then, because it runs on a loop's thread.
@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct BlockingDescriptorTests {
    /// Two connected sockets whose open files are blocking.
    private struct BlockingPair: ~Copyable {
        private let first: Descriptor
        private let second: Descriptor

        init(type: CInt) throws {
            let (first, second) = try openSocketPair(type: type)
            self.first = Descriptor(owning: first)
            self.second = Descriptor(owning: second)
            for descriptor in [first, second] {
                let flags = fcntl(descriptor, F_GETFL)
                #expect(flags & O_NONBLOCK != 0)
                #expect(fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0)
            }
        }

        var socket: CInt { first.rawValue }
        var peer: CInt { second.rawValue }
    }

    @Test(
        "reading an empty stream does not wait",
        arguments: [ReadStyle.plain, .stopsAtDescriptors]
    )
    func readStream(style: ReadStyle) throws {
        let pair = try BlockingPair(type: SocketKind.stream)
        let scratch = ScratchBuffer(size: 100)
        var bytes = [UInt8](repeating: 0, count: 100)
        var span = bytes.mutableSpan
        let intoSpan = receive(from: pair.socket, into: &span, style)
        #expect(intoSpan.mustWait)
        let intoScratch = receive(from: pair.socket, into: scratch, style)
        #expect(intoScratch.mustWait)
        #expect(receiveArray(from: pair.socket, capacity: 10, style).1.mustWait)
        let answer = receiveUnixMessage(from: pair.socket, through: scratch, atMost: 100)
        #expect(answer.2.mustWait)
    }

    @Test("writing to a full stream does not wait")
    func writeStream() throws {
        let pair = try BlockingPair(type: SocketKind.stream)
        let bytes = [UInt8](repeating: 7, count: 1 << 16)
        func fill(_ send: () -> Transfer) {
            var transfer = send()
            while transfer.count != nil { transfer = send() }
            #expect(transfer.mustWait)
        }
        fill { send(bytes.span, to: pair.socket) }
        fill { send([bytes, bytes], from: 0, offset: 0, to: pair.socket) }
        fill { sendMessage(bytes.span, to: nil, control: [], from: pair.socket) }
    }

    @Test("receiving no datagram does not wait")
    func receiveDatagram() throws {
        let pair = try BlockingPair(type: SocketKind.datagram)
        let batch = MessageBatch(capacity: 4, messageSize: 100, controlSize: 32)
        var bytes = [UInt8](repeating: 0, count: 100)
        var control = [UInt8](repeating: 0, count: 32)
        var span = bytes.mutableSpan
        var controlSpan = control.mutableSpan
        var source = AddressStorage()
        let received = receiveMessage(
            from: pair.socket,
            into: &span,
            control: &controlSpan,
            source: &source
        )
        #expect(received.transfer.mustWait)
        let message = receiveUnixMessage(from: pair.socket, into: &span, source: &source)
        #expect(message.0.mustWait)
        #expect(batch.receive(from: pair.socket).mustWait)
        #expect(batch.receiveLarge(from: pair.socket).mustWait)
        // Some of what was asked for is enough.
        let sent = send(bytes.span, to: pair.peer)
        #expect(sent.count == 100)
        #expect(batch.receive(from: pair.socket).count == 1)
    }

    @Test("sending more datagrams than the receiver has room for does not wait")
    func sendDatagram() throws {
        let pair = try BlockingPair(type: SocketKind.datagram)
        let batch = MessageBatch(capacity: 4, messageSize: 100, controlSize: 0)
        let bytes = [UInt8](repeating: 7, count: 100)
        for index in 0..<4 {
            let fits = batch.set(index, bytes: bytes.span, address: nil, control: [])
            #expect(fits)
        }
        var sent = batch.send(0..<4, to: pair.socket)
        while sent.count != nil { sent = batch.send(0..<4, to: pair.socket) }
        #expect(sent.mustWait)
        sent = sendMessage(bytes.span, to: nil, control: [], from: pair.socket)
        #expect(sent.mustWait)
        sent = send(bytes.span, to: pair.socket)
        #expect(sent.mustWait)
    }
}
