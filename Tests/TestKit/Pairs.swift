package import AsyncSockets

/// Two ends of one TCP connection over loopback.
package func tcpPair(
    on group: EventLoopGroup = .shared
) async throws -> (client: TCPConnection, server: TCPConnection) {
    let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
    defer { listener.close() }
    async let client = connect(to: listener, on: group)
    do {
        let server = try await listener.accept()
        return (try await client, server)
    } catch {
        // The client's error says more.
        _ = try await client
        throw error
    }
}

/// Connects; if that fails, no task waits at the listener for ever.
private func connect(
    to listener: TCPListener,
    on group: EventLoopGroup
) async throws -> TCPConnection {
    do {
        return try await TCPConnection.connect(to: listener.localAddress, on: group)
    } catch {
        listener.close()
        throw error
    }
}

/// A listener with a socket for each loop of a group.
package func shardedListener(
    on group: EventLoopGroup,
    _ shards: ListenShards = .perLoop
) throws -> TCPListener {
    try TCPListener.bind(to: "127.0.0.1:0", options: ListenOptions(shards: shards), on: group)
}

/// More than the kernel's buffers of one connection hold: a write of it waits for the reader.
package let clog = [UInt8](repeating: 0x63, count: 32 * 1024 * 1024)

extension StreamConnection {
    /// Everything that arrives until the peer finishes.
    package func readToEnd() async throws -> [UInt8] {
        var all: [UInt8] = []
        for try await chunk in self { all += chunk }
        return all
    }
}

extension UnixDatagramSocket {
    /// Sends every datagram back to its source, with what was passed with it.
    package func echo() async throws {
        for try await datagram in self {
            try await send(datagram.bytes, to: datagram.source, passing: datagram.descriptors)
        }
    }
}

/// The code of the error that a body throws; nil if it throws none.
package func code(
    of body: () async throws -> Void
) async -> SocketError.Code? {
    do {
        try await body()
        return nil
    } catch let error as SocketError {
        return error.code
    } catch is CancellationError {
        return .testCancelled
    } catch {
        return .errno(9999)
    }
}

extension SocketError.Code {
    /// Stands for `CancellationError` in `code(of:)`.
    package static var testCancelled: Self { .errno(9998) }
}
