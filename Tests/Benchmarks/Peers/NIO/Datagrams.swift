import NIOCore
import NIOPosix

/// Sends each datagram back to its source, all of one read in one flush.
private final class DatagramEchoHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }
}

extension NIOPeer {
    func serveDatagrams() async throws {
        guard case .internet(let host, let port) = arguments.parts else { return }
        let bootstrap = DatagramBootstrap(group: group)
            .channelOption(.datagramVectorReadMessageCount, value: 30)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: 30 * 2048)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramEchoHandler())
                }
            }
        let channel = try await bootstrap.bind(host: host, port: port).get()
        announce(channel)
        try await channel.closeFuture.get()
    }
}
