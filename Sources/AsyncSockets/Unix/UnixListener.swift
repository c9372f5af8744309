internal import SocketReactor

/// A Unix socket that stream clients connect to: an asynchronous sequence of connections.
///
/// ```swift
/// let listener = try UnixListener.bind(to: "unix:/run/example.sock")
/// await withDiscardingTaskGroup { clients in
///     for await connection in listener {
///         clients.addTask { try? await echo(connection) }
///     }
/// }
/// ```
///
/// It behaves as `TCPListener`. `bind` makes the file of its path and `close` removes it; see
/// `SocketFileOptions`, and `UnixSocketListener` for binding and closing.
///
/// Connections refuse descriptors unless `ListenOptions.receivesDescriptors` is set; see
/// `UnixConnection`.
public final class UnixListener: UnixSocketListener, @unchecked Sendable {
    /// Takes over a listening Unix socket whose connections may receive descriptors; otherwise as
    /// `init(adopting:on:)`.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - receivesDescriptors: Whether the connections receive descriptors that their peers pass.
    ///   - group: The loops that the listener and its connections join.
    /// - Throws: `SocketError` if the descriptor is not such a listening socket.
    public convenience init(
        adopting descriptor: CInt,
        receivesDescriptors: Bool,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        try self.init(
            adopting: descriptor,
            receivesDescriptors: receivesDescriptors,
            file: nil,
            on: group
        )
    }

    /// Waits for the next connection.
    ///
    /// The corresponding system call is `accept4(2)`.
    ///
    /// - Returns: The connection. Its `remoteAddress` is the path or name that the client bound;
    ///   most clients bind none.
    /// - Throws: `SocketError` with the code `.closed` after `close()`; `CancellationError` if the
    ///   task was cancelled. No connection is lost then.
    public func accept() async throws -> UnixConnection {
        let (registration, peer) = try await core.accept()
        return makeConnection(registration, peer: peer)
    }
}

extension UnixListener: ListenerOfCore {
    func makeConnection(_ registration: Registration, peer: SocketAddress?) -> UnixConnection {
        UnixConnection(
            registration: registration,
            remoteAddress: peer,
            descriptors: descriptorPolicy(of: registration)
        )
    }
}

extension UnixListener: StreamListener {
    /// The connections, as they are accepted.
    public typealias Element = UnixConnection

    /// The sequence never fails; see `UnixListener`.
    public typealias Failure = Never

    /// Accepts one connection after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let listener: UnixListener

        /// Waits for the next connection.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The connection; nil if the listener was closed or the task was cancelled.
        /// - Throws: Nothing.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(Never) -> UnixConnection? {
            try? await listener.accept()
        }
    }

    /// Begins to accept. Iterators share the listener: each connection goes to one of them.
    ///
    /// - Returns: The iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(listener: self) }
}
