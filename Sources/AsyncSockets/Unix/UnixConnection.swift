internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// A stream connection over a Unix socket, `unix(7)`.
///
/// See `StreamConnection` for reading, writing and closing. Besides bytes it can pass descriptors,
/// and it knows the peer's identity:
///
/// ```swift
/// let connection = try await UnixConnection.connect(to: "unix:/run/example.sock")
/// let user = try connection.peerCredentials.userID
/// try await connection.write("take this", passing: [OwnedDescriptor(duplicating: 0)])
/// ```
///
/// It receives descriptors only if it was made with the option `receivesDescriptors`. Without the
/// option the kernel refuses them: the peer's sending fails with the error number EPERM. Before
/// Linux 6.16, and if the program itself lets them in (`SocketOption.receiveDescriptors`), the read
/// that meets them closes them.
public final class UnixConnection: StreamConnection, @unchecked Sendable {
    /// Takes over a connected Unix stream socket that was made elsewhere.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and the connection closes it from now
    /// on. If this throws, the descriptor stays open. Whether it is non-blocking, and whether peers
    /// may pass descriptors, are properties of the open socket, not of the descriptor: they also
    /// affect a process that shares the socket.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - receivesDescriptors: Whether the connection receives descriptors that the peer passes.
    ///   - group: The loops that it joins.
    /// - Throws: `SocketError` if the descriptor is not a connected Unix stream socket.
    public convenience init(
        adopting descriptor: CInt,
        receivesDescriptors: Bool = false,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        let remote = try adopt(descriptor, (SocketKind.stream, SocketKind.unixFamilies))
        let registration = try group.register(
            adopting: descriptor,
            for: .adopt,
            remote: remote
        )
        registration.admitDescriptors(receivesDescriptors)
        // Some may have come before, even if the kernel refuses them now.
        self.init(
            registration: registration,
            remoteAddress: remote,
            descriptors: receivesDescriptors ? .received : .closed
        )
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
    ///   - options: The local address, whether descriptors are received, and options of the socket.
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
        let receives = options.receivesDescriptors
        var options = options
        // First, so that the program's own options have the last word.
        if !receives { options.socketOptions.insert(.refusesDescriptors, at: 0) }
        let connected = try await connectUnix(
            SocketKind.stream,
            to: address,
            options: options,
            on: group
        )
        return UnixConnection(
            registration: connected.registration,
            remoteAddress: address,
            file: connected.file,
            descriptors: DescriptorPolicy(receives: receives, of: connected.registration)
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
    /// - Parameters:
    ///   - receivesDescriptors: Whether the two receive descriptors that the other one passes.
    ///   - group: The loops that they join.
    /// - Returns: The two ends.
    /// - Throws: `SocketError`: `.tooManyDescriptors`.
    public static func pair(
        receivesDescriptors: Bool = false,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> (UnixConnection, UnixConnection) {
        let (first, second) = try group.registerPair(SocketKind.stream)
        func end(_ registration: Registration) -> UnixConnection {
            registration.admitDescriptors(receivesDescriptors)
            return UnixConnection(
                registration: registration,
                remoteAddress: .unixUnnamed,
                descriptors: DescriptorPolicy(receives: receivesDescriptors, of: registration)
            )
        }
        return (end(first), end(second))
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
