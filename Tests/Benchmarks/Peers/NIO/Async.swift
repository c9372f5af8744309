import NIOCore
import NIOPosix

private typealias Client = NIOAsyncChannel<ByteBuffer, ByteBuffer>

/// SwiftNIO brings an event loop as a serial executor; as a task executor it is these few lines.
private final class LoopExecutor: TaskExecutor {
    let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

extension NIOPeer {
    func serveAsync(onLoop: Bool) async throws {
        let wrap: @Sendable (any Channel) -> EventLoopFuture<Client> = { channel in
            channel.eventLoop.makeCompletedFuture {
                try Client(wrappingChannelSynchronously: channel)
            }
        }
        let server: NIOAsyncChannel<Client, Never> =
            switch arguments.parts {
            case .internet(let host, let port):
                try await makeBootstrap().bind(
                    host: host,
                    port: port,
                    childChannelInitializer: wrap
                )
            case .unix(let path):
                try await makeBootstrap().bind(
                    unixDomainSocketPath: path,
                    cleanupExistingSocketFile: true,
                    childChannelInitializer: wrap
                )
            }
        announce(server.channel)
        try await withThrowingDiscardingTaskGroup { clients in
            try await server.executeThenClose { inbound in
                for try await client in inbound {
                    let executor = onLoop ? LoopExecutor(client.channel.eventLoop) : nil
                    clients.addTask(executorPreference: executor) { await echo(client) }
                }
            }
        }
    }
}

private func echo(_ client: Client) async {
    try? await client.executeThenClose { inbound, outbound in
        for try await buffer in inbound {
            try await outbound.write(buffer)
        }
    }
}
