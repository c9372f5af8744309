internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// A stream connection over a Unix socket, `unix(7)`.
///
/// See `StreamConnection` for reading, writing and closing. Besides bytes it carries descriptors,
/// and it knows the peer's identity:
///
/// ```swift
/// let connection = try await UnixConnection.connect(to: "unix:/run/example.sock")
/// let user = try connection.peerCredentials.userID
/// try await connection.write("take this", passing: [OwnedDescriptor(duplicating: 0)])
/// ```
public final class UnixConnection: StreamConnection, @unchecked Sendable {
    /// The file of the connection's own path, if it was bound to one.
    private let file: SocketFile?

    init(
        registration: Registration,
        remoteAddress: SocketAddress?,
        file: SocketFile? = nil,
        refusesDescriptors: Bool = false
    ) {
        self.file = file
        super.init(
            registration: registration,
            remoteAddress: remoteAddress,
            stopsWithin: !refusesDescriptors
        )
    }

    deinit { registration.remove(file) }

    override func willClose() {
        registration.remove(file)
        leftover.withLock { $0.dropCompanions() }
    }

    /// An option may let in descriptors or credentials, which a plain recv(2) does not report.
    override func willSetOption() { stopsWithin.store(true, ordering: .relaxed) }

    override func didDetach() {
        file?.keep()
        leftover.withLock { $0.dropCompanions() }
    }

    /// A buffered read takes bytes from the kernel together with what was passed with them, because
    /// the bytes that it leaves over may be for a read that wants it.
    override func receiveLeftover(
        from socket: CInt,
        upTo limit: Int
    ) -> (isMore: Bool, Attempt) {
        let room = Swift.min(limit - leftover.withLock { $0.count }, 64 * 1024)
        let (bytes, control, transfer) =
            if let buffers = LoopBuffers.current {
                receiveUnixMessage(from: socket, through: buffers.scratch, atMost: room)
            } else {
                receiveUnixMessage(
                    from: socket,
                    through: ScratchBuffer(size: room),
                    atMost: room
                )
            }
        guard let count = transfer.count else { return (false, Attempt(failureOf: transfer)) }
        // A read ends after passed descriptors: then a short one does not mean that all was read.
        let isDrained = control == nil && count < room && count > 0
        keep(bytes, with: control.map { PassedAlong($0) })
        return (count > 0, .done(leaving: isDrained ? .nothing : .unknown))
    }

    /// Takes over a connected Unix stream socket that was made elsewhere.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and the connection closes it from now
    /// on. If this throws, the descriptor stays open.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that it joins.
    /// - Throws: `SocketError` if the descriptor is not a connected Unix stream socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        let remote = try adopt(descriptor, (SocketKind.stream, SocketKind.unixFamilies))
        let registration = try group.register(
            adopting: descriptor,
            for: .adopt,
            remote: remote
        )
        self.init(registration: registration, remoteAddress: remote)
    }

    /// Connects to a Unix listener.
    ///
    /// If the listener's queue is full, the call waits until there is room. `options.localAddress`
    /// can bind the connection to a path of its own; the peer then sees that path.
    /// `options.socketFile` says how its file is made and removed.
    ///
    /// The corresponding system call is `connect(2)`.
    ///
    /// - Parameters:
    ///   - address: The listener's address.
    ///   - options: The local address, and options of the socket.
    ///   - group: The loops that the connection joins.
    /// - Returns: The connection.
    /// - Throws: `SocketError`: `.noSuchFile` if there is no such path, `.connectionRefused` if no
    ///   socket listens there, `.permissionDenied`, `.wrongAddressFamily` for an address that is
    ///   not a Unix socket's. `CancellationError` if the task was cancelled; no socket is left
    ///   then.
    public static func connect(
        to address: SocketAddress,
        options: ConnectOptions = ConnectOptions(),
        on group: EventLoopGroup = .shared
    ) async throws -> UnixConnection {
        let connected = try await connectUnix(
            SocketKind.stream,
            to: address,
            options: options,
            on: group
        )
        return UnixConnection(
            registration: connected.registration,
            remoteAddress: address,
            file: connected.file
        )
    }

    /// Connects to a Unix listener whose address is given as text, such as `unix:/path` or
    /// `unix:@name`.
    ///
    /// - Parameters:
    ///   - address: The listener's address.
    ///   - options: The local address, and options of the socket.
    ///   - group: The loops that the connection joins.
    /// - Returns: The connection.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address.
    public static func connect(
        to address: String,
        options: ConnectOptions = ConnectOptions(),
        on group: EventLoopGroup = .shared
    ) async throws -> UnixConnection {
        try await connect(to: SocketAddress(address), options: options, on: group)
    }

    /// Makes two connections that are each other's peer.
    ///
    /// The corresponding system call is `socketpair(2)`.
    ///
    /// - Parameter group: The loops that they join.
    /// - Returns: The two ends.
    /// - Throws: `SocketError`: `.tooManyDescriptors`.
    public static func pair(
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> (UnixConnection, UnixConnection) {
        let (first, second) = try group.registerPair(SocketKind.stream)
        return (
            UnixConnection(registration: first, remoteAddress: .unixUnnamed),
            UnixConnection(registration: second, remoteAddress: .unixUnnamed)
        )
    }
}

// MARK: - The peer

extension UnixConnection {
    /// The peer's process, user and group when it connected, or when it began to listen
    /// (SO_PEERCRED).
    ///
    /// - Throws: `SocketError`: `.closed` after `close()`.
    public var peerCredentials: UnixCredentials {
        get throws(SocketError) { try registration.credentials(of: remoteAddress) }
    }

    /// The supplementary groups that the peer had at that time (SO_PEERGROUPS).
    ///
    /// - Throws: `SocketError`: `.closed` after `close()`, `.notSupported` before Linux 4.13.
    public var peerGroups: [UInt32] {
        get throws(SocketError) { try registration.groups(of: remoteAddress) }
    }

    /// Opens a pidfd of the peer's process (SO_PEERPIDFD). It means that process for ever; see
    /// `pidfd_open(2)`.
    ///
    /// - Returns: The descriptor; it becomes readable when the process ends.
    /// - Throws: `SocketError`: `.notSupported` before Linux 6.5; the error number ESRCH or EINVAL
    ///   if the process is gone.
    public func peerProcessDescriptor() throws(SocketError) -> OwnedDescriptor {
        try registration.processDescriptor(of: remoteAddress)
    }
}
