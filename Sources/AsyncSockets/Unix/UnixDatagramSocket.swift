internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// A datagram socket in this machine (SOCK_DGRAM in `unix(7)`): reliable and in order, unlike UDP,
/// but without connections.
///
/// ```swift
/// let socket = try UnixDatagramSocket.bind(to: "unix:/run/example.sock")
/// for try await datagram in socket {
///     try? await socket.send(datagram.bytes, to: datagram.source)
/// }
/// ```
///
/// A socket that wants answers must be bound: an unbound socket has no address, and
/// `datagram.source` is unnamed then. See `UnixMessageSocket` for options and closing.
public final class UnixDatagramSocket: UnixMessageSocket, @unchecked Sendable {
    /// Makes a socket at an address.
    ///
    /// A path is taken over if no process has its socket open any more; see `SocketFileOptions`. An
    /// unnamed address (`unix:`) lets the kernel choose an abstract name; `localAddress` has it.
    ///
    /// The corresponding system call is `bind(2)`.
    ///
    /// - Parameters:
    ///   - address: The address to receive at.
    ///   - options: Options that the socket gets before it is bound.
    ///   - file: How the file of a path is made and removed.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: `SocketError`: `.addressInUse`, `.noSuchFile` if the directory is missing,
    ///   `.permissionDenied`, `.wrongAddressFamily`, `.tooManyDescriptors`.
    public static func bind(
        to address: SocketAddress,
        options: [SocketOptionSetting] = [],
        file: SocketFileOptions = SocketFileOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UnixDatagramSocket {
        let bound = try bindUnix(SocketKind.datagram, to: address, options, file, for: .bind)
        let file = bound.file
        let registration = try group.register(bound.socket, for: .bind, local: address)
        return UnixDatagramSocket(registration: registration, peer: nil, file: file)
    }

    /// Makes a socket at an address given as text, such as `unix:/path` or `unix:@name`.
    ///
    /// - Parameters:
    ///   - address: The address to receive at.
    ///   - options: Options that the socket gets before it is bound.
    ///   - file: How the file of a path is made and removed.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` or `.nameTooLong` if the text is not
    ///   an address.
    public static func bind(
        to address: String,
        options: [SocketOptionSetting] = [],
        file: SocketFileOptions = SocketFileOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UnixDatagramSocket {
        try bind(to: SocketAddress(address), options: options, file: file, on: group)
    }

    /// Makes a socket that is connected to one peer: it sends there and receives only from there.
    ///
    /// It has no name of its own unless `options.localAddress` gives it one (`.unixUnnamed` for one
    /// that the kernel chooses). The peer can answer only if it has a name.
    ///
    /// The corresponding system call is `connect(2)`.
    ///
    /// - Parameters:
    ///   - address: The peer.
    ///   - options: The local address, and options of the socket.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: As `UnixConnection.connect(to:options:on:)`.
    public static func connect(
        to address: SocketAddress,
        options: ConnectOptions = ConnectOptions(),
        on group: EventLoopGroup = .shared
    ) async throws -> UnixDatagramSocket {
        let connected = try await connectUnix(
            SocketKind.datagram,
            to: address,
            options: options,
            on: group
        )
        return UnixDatagramSocket(
            registration: connected.registration,
            peer: address,
            file: connected.file
        )
    }

    /// Makes a socket that is connected to one peer, whose address is given as text.
    ///
    /// - Parameters:
    ///   - address: The peer, `unix:/path` or `unix:@name`.
    ///   - options: The local address, and options of the socket.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address.
    public static func connect(
        to address: String,
        options: ConnectOptions = ConnectOptions(),
        on group: EventLoopGroup = .shared
    ) async throws -> UnixDatagramSocket {
        try await connect(to: SocketAddress(address), options: options, on: group)
    }

    /// Makes two sockets that are each other's peer.
    ///
    /// The corresponding system call is `socketpair(2)`.
    ///
    /// - Parameter group: The loops that they join.
    /// - Returns: The two ends.
    /// - Throws: `SocketError`: `.tooManyDescriptors`.
    public static func pair(
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> (UnixDatagramSocket, UnixDatagramSocket) {
        let (first, second) = try group.registerPair(SocketKind.datagram)
        return (
            UnixDatagramSocket(registration: first, peer: .unixUnnamed),
            UnixDatagramSocket(registration: second, peer: .unixUnnamed)
        )
    }

    /// Takes over a Unix datagram socket that was made elsewhere. `close()` does not remove its
    /// file.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and this object closes it from now
    /// on. If this throws, the descriptor stays open.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that it joins.
    /// - Throws: `SocketError` if the descriptor is not a Unix datagram socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        try self.init(adopting: descriptor, file: nil, on: group)
    }

    /// The same with the socket's file, which this object then owns.
    package convenience init(
        adopting descriptor: CInt,
        file: SocketFile?,
        on group: EventLoopGroup
    ) throws(SocketError) {
        do throws(Errno) {
            try requireSocket(
                descriptor,
                type: SocketKind.datagram,
                families: SocketKind.unixFamilies
            )
            try adoptDescriptor(descriptor)
        } catch {
            throw SocketError(.adopt, error)
        }
        let remote = (try? SocketSystem.remoteAddress(of: descriptor)).flatMap {
            SocketAddress($0)
        }
        let registration = try group.register(adopting: descriptor, for: .adopt, remote: remote)
        self.init(registration: registration, peer: remote, file: file)
    }
}

// MARK: - The peer

extension UnixDatagramSocket {
    /// Connects the socket to this peer: it sends there, and receives only from there, even if it
    /// had another peer before.
    ///
    /// Datagrams that had arrived are still received; but if the socket had another peer, the
    /// kernel throws them away. The corresponding system call is `connect(2)`.
    ///
    /// - Parameter address: The peer.
    /// - Throws: `SocketError`: `.noSuchFile`, `.connectionRefused` if no socket has the address,
    ///   `.permissionDenied`, `.wrongAddressFamily`, `.closed`; the error number EPROTOTYPE if a
    ///   socket of another kind has the path. The socket then keeps the peer that it had.
    public func connect(to address: SocketAddress) throws(SocketError) {
        try requireUnix(address, for: .connect)
        try connect(to: address) { (socket) throws(Errno) in
            try connectSocket(socket, to: address.storage)
        }
    }

    /// Connects the socket to this peer; see ``connect(to:)-(SocketAddress)``.
    ///
    /// - Parameter address: The peer, `unix:/path` or `unix:@name`.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address.
    public func connect(to address: String) throws(SocketError) {
        try connect(to: SocketAddress(address))
    }

    /// Removes the peer: the socket sends to and receives from any address from now on. A socket
    /// without a peer stays as it is.
    ///
    /// The kernel throws away datagrams of the former peer that were not received yet. The
    /// corresponding system call is `connect(2)` to an address without a family.
    ///
    /// - Throws: `SocketError`: `.closed`.
    public func disconnect() throws(SocketError) {
        try connect(to: nil) { (socket) throws(Errno) in try disconnectSocket(socket) }
    }

    private func connect(
        to address: SocketAddress?,
        _ call: (CInt) throws(Errno) -> Void
    ) throws(SocketError) {
        let done: Void?
        do throws(Errno) {
            done = try core.registration.use(call)
        } catch {
            throw SocketError(.connect, error, local: localAddress, remote: address)
        }
        if done == nil { throw SocketError(.connect, code: .closed, remote: address) }
        peer.withLock { $0 = address }
    }
}
