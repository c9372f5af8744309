internal import SocketReactor
internal import SocketSystem

/// A Unix socket that packet clients connect to (SOCK_SEQPACKET in `unix(7)`): an asynchronous
/// sequence of connections.
///
/// It behaves as `UnixListener`, but its connections keep message boundaries.
public final class UnixPacketListener: Sendable {
    private let core: UnixListenerCore

    private init(core: UnixListenerCore) { self.core = core }

    /// Binds a socket to an address and listens there; as `UnixListener.bind(to:options:on:)`.
    ///
    /// The corresponding system calls are `bind(2)` and `listen(2)`.
    ///
    /// - Parameters:
    ///   - address: Where to listen.
    ///   - options: How to listen, and how the file comes and goes.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; connections are accepted by the kernel from now on.
    /// - Throws: `SocketError`: `.addressInUse`, `.noSuchFile` where the directory is missing,
    ///   `.permissionDenied`, `.wrongAddressFamily`, `.tooManyDescriptors`.
    public static func bind(
        to address: SocketAddress,
        options: ListenOptions = ListenOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UnixPacketListener {
        UnixPacketListener(
            core: try .bind(SocketKind.sequencedPacket, to: address, options: options, on: group)
        )
    }

    /// Binds a socket to an address given as text, such as `unix:/path` or `unix:@name`.
    ///
    /// - Parameters:
    ///   - address: Where to listen.
    ///   - options: How to listen, and how the file comes and goes.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` or `.nameTooLong` where the text is
    ///   none.
    public static func bind(
        to address: String,
        options: ListenOptions = ListenOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UnixPacketListener {
        try bind(to: SocketAddress(address), options: options, on: group)
    }

    /// Takes over a listening Unix packet socket that was made elsewhere; as
    /// `UnixListener.init(adopting:on:)`.
    ///
    /// - Parameters:
    ///   - descriptor: The socket. It is left open where this throws.
    ///   - group: The loops that the listener and its connections join.
    /// - Throws: `SocketError` where the descriptor is no listening Unix packet socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        self.init(core: try .adopt(descriptor, SocketKind.sequencedPacket, on: group))
    }

    /// Where the listener listens; the name that the kernel chose, where it did.
    public var localAddress: SocketAddress { core.listener.localAddress }

    /// Whether `close()` or `detach()` was called.
    public var isClosed: Bool { core.listener.registration.isClosed }

    /// Waits for the next connection.
    ///
    /// The corresponding system call is `accept4(2)`.
    ///
    /// - Returns: The connection.
    /// - Throws: `SocketError` with the code `.closed` after `close()`; `CancellationError` where
    ///   the task was cancelled. No connection is lost then.
    public func accept() async throws -> UnixPacketConnection {
        let (registration, peer) = try await core.listener.accept()
        return try UnixPacketConnection(registration: registration, remoteAddress: peer)
    }

    /// Stops listening, and removes the socket's file if it is still the one that `bind` made.
    ///
    /// Who waits for a connection gets `SocketError` with the code `.closed`; loops over the
    /// listener end. Closing twice is no error.
    public func close() { core.close() }

    /// Takes the descriptor out of the listener, which is then closed without closing it. The
    /// socket's file stays.
    ///
    /// - Returns: The descriptor, non-blocking and close-on-exec. The caller must close it.
    /// - Throws: `SocketError`: `.busy` while somebody accepts, `.closed` after `close()`.
    public func detach() throws(SocketError) -> CInt { try core.detach() }

    /// Another descriptor of the listening socket, such as to pass it to another process.
    ///
    /// - Returns: The new descriptor.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    public func duplicateDescriptor() throws(SocketError) -> OwnedDescriptor {
        try core.listener.registration.duplicate(nil)
    }
}

extension UnixPacketListener: AsyncSequence {
    /// The connections, as they are accepted.
    public typealias Element = UnixPacketConnection

    /// Nothing makes the sequence fail; see `UnixListener`.
    public typealias Failure = Never

    /// Accepts connection after connection.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let listener: UnixPacketListener

        /// Waits for the next connection.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The connection, or nil when the listener was closed or the task cancelled.
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
