internal import SocketReactor
internal import SocketSystem

/// A socket that TCP clients connect to: an asynchronous sequence of connections.
///
/// ```swift
/// let listener = try TCPListener.bind(to: "127.0.0.1:9999")
/// await withDiscardingTaskGroup { clients in
///     for await connection in listener {
///         clients.addTask { try? await echo(connection) }
///     }
/// }
/// ```
///
/// The loop ends when the listener is closed, when the task is cancelled, or when the time of a
/// surrounding `withTimeout` runs out. A connection that failed before it was accepted does not end
/// the loop. Neither does a passing lack of descriptors: accepting goes on after a pause. Any other
/// failure of accepting ends the loop, and is the listener's `failure`. Several tasks may accept
/// from one listener; each connection goes to one of them.
public final class TCPListener: Sendable {
    let core: ListenerCore

    /// Why the listener has fewer addresses than the name that it was bound to: an error for each
    /// address that could not be bound, and for each version of IP that could not be looked up in
    /// time. Empty if nothing was left out.
    public let omissions: [SocketError]

    init(core: ListenerCore, omissions: [SocketError] = []) {
        self.core = core
        self.omissions = omissions
    }

    /// Binds a socket to an address and listens.
    ///
    /// The address may be bound again at once after the listener is closed (SO_REUSEADDR). Accepted
    /// connections send small writes at once (TCP_NODELAY). `options` can switch off both.
    ///
    /// The corresponding system calls are `bind(2)` and `listen(2)`.
    ///
    /// - Parameters:
    ///   - address: The address to listen at. With port 0 the kernel chooses one; `localAddress`
    ///     has it.
    ///   - options: The options of the listener.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; the kernel accepts connections from now on.
    /// - Throws: `SocketError`: `.addressInUse`, `.addressNotAvailable`, `.permissionDenied`,
    ///   `.wrongAddressFamily`, `.tooManyDescriptors`; `.notSupported` for `receivesDescriptors`.
    public static func bind(
        to address: SocketAddress,
        options: ListenOptions = ListenOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> TCPListener {
        let kind = try tcpKind(of: address, options.receivesDescriptors, for: .bind)
        let isSharded = options.shards != .none
        let defaults: [SocketOptionSetting] = [
            .set(.reuseAddress, true), .set(.noDelay, true),
            .set(.reusePort, options.reusePort || isSharded),
        ]
        let settings = defaults + options.socketOptions
        let first = try makeSocket(kind, settings, local: address, for: .bind)
        guard isSharded else {
            return TCPListener(
                core: try .listen(first, at: address, backlog: options.backlog, on: group)
            )
        }
        return TCPListener(
            core: try .listenSharded(first, at: address, options: options, on: group) {
                (bound) throws(SocketError) in
                try makeSocket(kind, settings, local: bound, for: .bind)
            }
        )
    }

    /// Binds a socket to an address given as text, such as `127.0.0.1:80` or `[::]:80`.
    ///
    /// - Parameters:
    ///   - address: The address to listen at.
    ///   - options: The options of the listener.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address. A name
    ///   is not looked up here: `bind(to:port:…)` does that.
    public static func bind(
        to address: String,
        options: ListenOptions = ListenOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> TCPListener {
        try bind(to: SocketAddress(address), options: options, on: group)
    }

    /// The address of the listener, with the port that the kernel chose if it was bound to port 0.
    /// The first address, if there are several.
    public var localAddress: SocketAddress { core.localAddress }

    /// Every address of the listener: several, if it was bound to a name that has several.
    public var localAddresses: [SocketAddress] { core.localAddresses }

    /// Whether `close()` or `detach()` was called.
    public var isClosed: Bool { core.isClosed }

    /// The failure that ended accepting, and with it loops over the listener; nil if there was
    /// none. Closing and cancellation are not failures.
    public var failure: SocketError? { core.failure }

    /// Waits for the next connection.
    ///
    /// The corresponding system call is `accept4(2)`.
    ///
    /// - Returns: The connection.
    /// - Throws: `SocketError` with the code `.closed` after `close()`; `CancellationError` if the
    ///   task was cancelled. No connection is lost then.
    public func accept() async throws -> TCPConnection {
        let (registration, peer) = try await core.accept()
        return makeConnection(registration, peer: peer)
    }

    /// Stops listening. Connections that were not accepted yet are reset; accepted ones stay.
    ///
    /// Tasks that wait for a connection get `SocketError` with the code `.closed`; loops over the
    /// listener end. Closing twice is not an error. The corresponding system call is `close(2)`.
    public func close() { core.close() }

    /// Takes the descriptor out of the listener. The listener is then closed, and the descriptor
    /// stays open.
    ///
    /// - Returns: The descriptor, non-blocking and close-on-exec. The caller must close it.
    /// - Throws: `SocketError`: `.busy` while a task accepts, `.closed` after `close()`,
    ///   `.notSupported` for a listener of several sockets (`ListenOptions.shards`, a name of
    ///   several addresses).
    public func detach() throws(SocketError) -> CInt { try core.detach() }
}

extension TCPListener: StreamListener {
    /// The connections, as they are accepted.
    public typealias Element = TCPConnection

    /// The sequence never fails; see `TCPListener`.
    public typealias Failure = Never

    /// Accepts one connection after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let listener: TCPListener

        /// Waits for the next connection.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The connection; nil if the listener was closed or the task was cancelled.
        /// - Throws: Nothing.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(Never) -> TCPConnection? {
            try? await listener.accept()
        }
    }

    /// Begins to accept. Iterators share the listener: each connection goes to one of them.
    ///
    /// - Returns: The iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(listener: self) }
}

extension TCPListener: ListenerOfCore {
    func makeConnection(_ registration: Registration, peer: SocketAddress?) -> TCPConnection {
        TCPConnection(registration: registration, remoteAddress: peer)
    }
}
