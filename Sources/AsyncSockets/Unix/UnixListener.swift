internal import SocketReactor
internal import SocketSystem

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
/// It behaves as `TCPListener`. The file of its path is made by `bind` and removed by `close`; see
/// `SocketFileOptions`.
public final class UnixListener: Sendable {
    let core: UnixListenerCore

    private init(core: UnixListenerCore) { self.core = core }

    /// Binds a socket to an address and listens there.
    ///
    /// A path where nobody has a socket open any more is taken over; one where somebody has is
    /// `.addressInUse`, and so is a file that is no socket. An unnamed address (`unix:`) lets the
    /// kernel choose an abstract name, which `localAddress` tells.
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
    ) throws(SocketError) -> UnixListener {
        UnixListener(
            core: try .bind(SocketKind.stream, to: address, options: options, on: group)
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
    ) throws(SocketError) -> UnixListener {
        try bind(to: SocketAddress(address), options: options, on: group)
    }

    /// Takes over a listening Unix stream socket that was made elsewhere, such as by another
    /// process that passed it here. Its file is not removed by `close()`.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and is closed by the listener from
    /// now on. It is left open where this throws. Non-blocking is a property of the open socket,
    /// not of the descriptor: a process that shares it sees it too.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that the listener and its connections join.
    /// - Throws: `SocketError` where the descriptor is no listening Unix stream socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        self.init(core: try .adopt(descriptor, SocketKind.stream, on: group))
    }

    /// Where the listener listens; the name that the kernel chose, where it did.
    public var localAddress: SocketAddress { core.listener.localAddress }

    /// Whether `close()` or `detach()` was called.
    public var isClosed: Bool { core.listener.registration.isClosed }

    /// Why accepting failed for good, which ends loops over the listener; nil where it did not.
    /// Being closed or cancelled is no failure.
    public var failure: SocketError? { core.listener.failure }

    /// Waits for the next connection.
    ///
    /// The corresponding system call is `accept4(2)`.
    ///
    /// - Returns: The connection. Its `remoteAddress` is the path or name that the client bound,
    ///   mostly none.
    /// - Throws: `SocketError` with the code `.closed` after `close()`; `CancellationError` where
    ///   the task was cancelled. No connection is lost then.
    public func accept() async throws -> UnixConnection {
        let (registration, peer) = try await core.listener.accept()
        return UnixConnection(registration: registration, remoteAddress: peer)
    }

    /// Stops listening, and removes the socket's file if it is still the one that `bind` made.
    /// Connections that nobody has accepted are reset; accepted ones stay.
    ///
    /// Who waits for a connection gets `SocketError` with the code `.closed`; loops over the
    /// listener end. Closing twice is no error. The corresponding system calls are `unlink(2)` and
    /// `close(2)`.
    public func close() { core.close() }

    /// Takes the descriptor out of the listener, which is then closed without closing it. The
    /// socket's file stays.
    ///
    /// - Returns: The descriptor, non-blocking and close-on-exec. The caller must close it.
    /// - Throws: `SocketError`: `.busy` while somebody accepts, `.closed` after `close()`.
    public func detach() throws(SocketError) -> CInt { try core.detach() }

    /// Another descriptor of the listening socket, such as to pass it to another process.
    ///
    /// The listener stays as it is; each connection goes to one of those that accept. The
    /// corresponding system call is `fcntl(2)` with F_DUPFD_CLOEXEC.
    ///
    /// - Returns: The new descriptor.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    public func duplicateDescriptor() throws(SocketError) -> OwnedDescriptor {
        try core.listener.registration.duplicate(nil)
    }
}

extension UnixListener: StreamListener {
    /// The connections, as they are accepted.
    public typealias Element = UnixConnection

    /// Nothing makes the sequence fail; see `UnixListener`.
    public typealias Failure = Never

    /// Accepts connection after connection.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let listener: UnixListener

        /// Waits for the next connection.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The connection, or nil when the listener was closed or the task cancelled.
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
