internal import SocketReactor
internal import SocketSystem

/// A Unix socket that packet clients connect to (SOCK_SEQPACKET in `unix(7)`): an asynchronous
/// sequence of connections.
///
/// It behaves as `UnixListener`, but its connections keep message boundaries.
public final class UnixPacketListener: UnixSocketListener, @unchecked Sendable {
    override class var kind: CInt { SocketKind.sequencedPacket }

    /// Waits for the next connection.
    ///
    /// The corresponding system call is `accept4(2)`.
    ///
    /// - Returns: The connection.
    /// - Throws: `SocketError` with the code `.closed` after `close()`; `CancellationError` if the
    ///   task was cancelled. No connection is lost then.
    public func accept() async throws -> UnixPacketConnection {
        let (registration, peer) = try await core.accept()
        return UnixPacketConnection(registration: registration, remoteAddress: peer)
    }
}

extension UnixPacketListener: AsyncSequence {
    /// The connections, as they are accepted.
    public typealias Element = UnixPacketConnection

    /// The sequence never fails; see `UnixListener`.
    public typealias Failure = Never

    /// Accepts one connection after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let listener: UnixPacketListener

        /// Waits for the next connection.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The connection; nil if the listener was closed or the task was cancelled.
        /// - Throws: Nothing.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(Never) -> UnixPacketConnection? {
            try? await listener.accept()
        }
    }

    /// Begins to accept. Iterators share the listener: each connection goes to one of them.
    ///
    /// - Returns: The iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(listener: self) }
}

// MARK: - Serving

extension UnixPacketConnection: ServedConnection {
    var registration: Registration { core.registration }
}

extension UnixPacketListener {
    /// Serves the clients until the listener is closed or the task is cancelled: each is a child
    /// task, as for `serve(_:options:on:_:)` of stream connections.
    ///
    /// ```swift
    /// let listener = try UnixPacketListener.bind(to: "unix:/run/example.sock")
    /// try await listener.serve { connection in
    ///     for try await packet in connection { try await connection.send(packet.bytes) }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - options: The options of serving; `listening` and `clientFailed`, which is about streams,
    ///     have no meaning here.
    ///   - group: The loops that the handlers run on; nil for those of the listener.
    ///   - clientFailed: Called with the error of a client's handler, as
    ///     `ServeOptions.clientFailed`.
    ///   - handler: Serves one client.
    /// - Throws: As `serve(_:options:on:_:)`.
    public func serve(
        options: ServeOptions = ServeOptions(),
        on group: EventLoopGroup? = nil,
        clientFailed: @escaping @Sendable (UnixPacketConnection, any Error) -> Void = { _, _ in },
        _ handler: @escaping @Sendable @concurrent (UnixPacketConnection) async throws -> Void
    ) async throws(SocketError) {
        try await serveClients(
            of: Acceptors(of: core, close: { self.close() }) {
                UnixPacketConnection(registration: $0, remoteAddress: $1)
            },
            options: options,
            on: group ?? core.group,
            clientFailed: clientFailed,
            handler
        )
    }
}
