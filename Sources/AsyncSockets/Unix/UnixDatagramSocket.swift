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
/// Who wants answers must be bound: the kernel knows no source of an unbound socket, and
/// `datagram.source` is unnamed then. See `UnixMessageSocket` for options and closing.
public final class UnixDatagramSocket: UnixMessageSocket, @unchecked Sendable {
    /// Makes a socket at an address.
    ///
    /// A path where nobody has a socket open any more is taken over; see `SocketFileOptions`. An
    /// unnamed address (`unix:`) lets the kernel choose an abstract name, which `localAddress`
    /// tells.
    ///
    /// The corresponding system call is `bind(2)`.
    ///
    /// - Parameters:
    ///   - address: Where datagrams are received.
    ///   - options: Options that the socket gets before it is bound.
    ///   - file: How the file of a path comes and goes.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: `SocketError`: `.addressInUse`, `.noSuchFile` where the directory is missing,
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
    ///   - address: Where datagrams are received.
    ///   - options: Options that the socket gets before it is bound.
    ///   - file: How the file of a path comes and goes.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` or `.nameTooLong` where the text is
    ///   none.
    public static func bind(
        to address: String,
        options: [SocketOptionSetting] = [],
        file: SocketFileOptions = SocketFileOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UnixDatagramSocket {
        try bind(to: SocketAddress(address), options: options, file: file, on: group)
    }

    /// Makes a socket that sends to one address and receives from there only.
    ///
    /// It has no name of its own unless `options.localAddress` gives it one (`.unixUnnamed` for one
    /// that the kernel chooses), and the peer can answer only where it has.
    ///
    /// The corresponding system call is `connect(2)`.
    ///
    /// - Parameters:
    ///   - address: The peer.
    ///   - options: From where, and with which options.
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

    /// Makes a socket that sends to one address, which is given as text.
    ///
    /// - Parameters:
    ///   - address: The peer, `unix:/path` or `unix:@name`.
    ///   - options: From where, and with which options.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` where the text is none.
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

    /// Takes over a Unix datagram socket that was made elsewhere. Its file is not removed by
    /// `close()`.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and is closed by this object from now
    /// on. It is left open where this throws.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that it joins.
    /// - Throws: `SocketError` where the descriptor is no Unix datagram socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        try self.init(adopting: descriptor, file: nil, on: group)
    }

    /// The same with the file, which goes with the socket.
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
    /// Sends to this peer, and receives from it alone, from now on; also where it talked to another
    /// before.
    ///
    /// Datagrams that had arrived are still received, but where the socket had another peer the
    /// kernel throws them away. The corresponding system call is `connect(2)`.
    ///
    /// - Parameter address: The peer.
    /// - Throws: `SocketError`: `.noSuchFile`, `.connectionRefused` where nobody has the address,
    ///   `.permissionDenied`, `.wrongAddressFamily`, `.closed`; the error number EPROTOTYPE where a
    ///   socket of another kind has the path. The peer is the same as before then.
    public func connect(to address: SocketAddress) throws(SocketError) {
        try requireUnix(address, for: .connect)
        try connect(to: address) { (socket) throws(Errno) in
            try connectSocket(socket, to: address.storage)
        }
    }

    /// Sends to this peer alone from now on; see ``connect(to:)-(SocketAddress)``.
    ///
    /// - Parameter address: The peer, `unix:/path` or `unix:@name`.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` where the text is none.
    public func connect(to address: String) throws(SocketError) {
        try connect(to: SocketAddress(address))
    }

    /// Talks to anybody from now on. A socket that has no peer stays as it is.
    ///
    /// Datagrams of the former peer that nobody has received are thrown away by the kernel. The corresponding system call is `connect(2)` to an address without a family.
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
