import AsyncSockets
import PeerSupport
import Spread

extension OursServer {
    func serveChunks() async throws {
        try await serve(at: arguments.address, ready: { announce("\($0)") }) { connection in
            for try await chunk in connection {
                try await connection.write(chunk)
            }
        }
    }

    /// A listening socket for each loop; says which thread each client came to.
    func serveShards() async throws {
        let options = ServeOptions(listening: ListenOptions(shards: .perLoop))
        try await serve(at: arguments.address, options: options, ready: { announce("\($0)") }) {
            connection in
            spread_note()
            for try await chunk in connection {
                try await connection.write(chunk)
            }
        }
    }

    /// Without an array for each chunk: one buffer of the client's own.
    func serveIntoBuffer() async throws {
        try await serve(at: arguments.address, ready: { announce("\($0)") }) { connection in
            var buffer = [UInt8](repeating: 0, count: 64 * 1024)
            while true {
                var span = buffer.mutableSpan
                let count = try await connection.read(into: &span)
                if count == 0 { return }
                try await connection.write(buffer.span.extracting(0..<count))
            }
        }
    }

    /// On the event loops or on the global executor, as the caller likes.
    func serveByHand() async throws {
        if arguments.address.hasPrefix("unix:") {
            let listener = try UnixListener.bind(to: arguments.address)
            announce(arguments.address)
            await accept(from: listener)
        } else {
            let listener = try TCPListener.bind(to: arguments.address)
            announce("\(listener.localAddress)")
            await accept(from: listener)
        }
    }

    private func accept<Listener: StreamListener>(from listener: Listener) async {
        await withDiscardingTaskGroup { clients in
            for await connection in listener {
                clients.addTask { try? await echo(connection) }
            }
        }
    }
}

private func echo(_ connection: StreamConnection) async throws {
    for try await chunk in connection {
        try await connection.write(chunk)
    }
}
