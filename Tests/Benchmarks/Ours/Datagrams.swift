import AsyncSockets
import PeerSupport

extension OursServer {
    /// The loop of the documentation: one datagram after the other.
    func echoDatagrams() async throws {
        let socket = try bindDatagrams()
        for try await datagram in socket {
            try await socket.send(datagram.bytes, to: datagram.source)
        }
    }

    /// Without an array for each datagram.
    func echoDatagramsIntoBuffer() async throws {
        let socket = try bindDatagrams()
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            var span = buffer.mutableSpan
            let header = try await socket.receive(into: &span)
            try await socket.send(buffer.span.extracting(0..<header.count), to: header.source)
        }
    }

    /// Many per system call; with `joinsSegments` each entry may stand for many itself.
    func echoDatagramsInBatches(joinsSegments: Bool = false) async throws {
        let socket = try bindDatagrams(joinsSegments: joinsSegments)
        let batch = DatagramBatch(
            capacity: joinsSegments ? 8 : 64,
            datagramSize: joinsSegments ? 64 * 1024 : 2048
        )
        while true {
            _ = try await socket.receive(into: batch)
            try await socket.send(batch)
        }
    }

    private func bindDatagrams(joinsSegments: Bool = false) throws -> UDPSocket {
        let socket = try UDPSocket.bind(
            to: arguments.address,
            options: UDPOptions(
                joinsSegments: joinsSegments,
                socketOptions: [
                    .set(.receiveBufferSize, 4 << 20), .set(.sendBufferSize, 4 << 20),
                ]
            )
        )
        announce("\(socket.localAddress!)")
        return socket
    }
}
