/// A socket that clients connect to: what TCP and Unix listeners have in common.
///
/// A listener is an asynchronous sequence of connections that never fails; it ends when the
/// listener is closed or the task cancelled.
public protocol StreamListener: AsyncSequence, Sendable
where Element: StreamConnection, Failure == Never, AsyncIterator: SendableMetatype {
    /// Where the listener listens.
    var localAddress: SocketAddress { get }

    /// Whether the listener was closed.
    var isClosed: Bool { get }

    /// Why accepting failed for good, which ends loops over the listener; nil where it did not.
    var failure: SocketError? { get }

    /// Waits for the next connection.
    ///
    /// - Returns: The connection.
    /// - Throws: `SocketError` with the code `.closed` after `close()`; `CancellationError` where
    ///   the task was cancelled.
    func accept() async throws -> Element

    /// Stops listening; loops over the listener end.
    func close()
}

/// What belongs to a group of loops.
protocol GroupMember {
    var group: EventLoopGroup { get }
}

extension TCPListener: GroupMember {
    var group: EventLoopGroup { core.group }
}

extension UnixListener: GroupMember {
    var group: EventLoopGroup { core.group }
}
