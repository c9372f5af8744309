import NIOCore
import NIOPosix

/// Echoes what a read brought in one flush.
private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

extension NIOPeer {
    func serveWithHandlers() async throws {
        let bootstrap = makeBootstrap().childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(BackPressureHandler())
                try channel.pipeline.syncOperations.addHandler(EchoHandler())
            }
        }
        let channel =
            switch arguments.parts {
            case .internet(let host, let port):
                try await bootstrap.bind(host: host, port: port).get()
            case .unix(let path):
                try await bootstrap.bind(
                    unixDomainSocketPath: path,
                    cleanupExistingSocketFile: true
                ).get()
            }
        announce(channel)
        try await channel.closeFuture.get()
    }
}
