internal import SocketReactor
internal import SocketSystem

/// A datagram socket in this machine (SOCK_DGRAM in `unix(7)`): reliable and in order, unlike UDP,
/// but without connections.
///
/// ```swift
/// let socket = try UnixDatagramSocket.bind(to: "unix:/run/example.sock")
/// for try await datagram in socket {
///     try await socket.send(datagram.bytes, to: datagram.source)
/// }
/// ```
///
/// Who wants answers must be bound: the kernel knows no source of an unbound socket, and
/// `datagram.source` is unnamed then. Any number of tasks may send and receive; each datagram goes
/// to one of them.
///
/// The socket closes when `close()` is called or when nobody refers to it any more.
public final class UnixDatagramSocket: Sendable {
    let core: DatagramCore
    /// The peer that the socket was connected to when it was made.
    private let peer: SocketAddress?
    /// The file of the socket's path; nil for an abstract name, and where another made it.
    private let file: SocketFile?

    private init(registration: Registration, peer: SocketAddress?, file: SocketFile? = nil) {
        core = DatagramCore(registration: registration, style: .large)
        self.peer = peer
        self.file = file
    }

    deinit { close() }

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
        self.init(registration: registration, peer: remote)
    }

    /// The socket's own address, or nil after it was closed.
    public var localAddress: SocketAddress? { core.registration.localAddress }

    /// The peer that the socket was connected to when it was made; nil if it was not.
    public var remoteAddress: SocketAddress? { peer }

    /// Whether `close()` was called.
    public var isClosed: Bool { core.registration.isClosed }

    /// Closes the socket, and removes its file if it is still the one that `bind` made.
    ///
    /// Operations that wait for it throw `SocketError` with the code `.closed`; so do all later
    /// ones. Closing twice is no error. The corresponding system calls are `unlink(2)` and
    /// `close(2)`.
    public func close() {
        file?.remove(isBound: true)
        core.close()
    }

    /// Another descriptor of the socket, such as to pass it to another process.
    ///
    /// - Returns: The new descriptor.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    public func duplicateDescriptor() throws(SocketError) -> OwnedDescriptor {
        try core.registration.duplicate(peer)
    }
}

// MARK: - Options

extension UnixDatagramSocket {
    /// Sets an option, such as `receiveCredentials`: from then on every datagram that is received
    /// tells who sent it.
    ///
    /// The corresponding system call is `setsockopt(2)`.
    ///
    /// - Parameters:
    ///   - option: Which option.
    ///   - value: Its value.
    /// - Throws: `SocketError`: `.invalidArgument`, `.notSupported`, `.closed` after `close()`.
    public func set<Value: Sendable>(
        _ option: SocketOption<Value>,
        to value: Value
    ) throws(SocketError) {
        try core.registration.set(option, to: value, remote: peer)
    }

    /// Reads an option.
    ///
    /// The corresponding system call is `getsockopt(2)`.
    ///
    /// - Parameter option: Which option.
    /// - Returns: Its value.
    /// - Throws: `SocketError`: `.notSupported`, `.closed` after `close()`.
    public func get<Value: Sendable>(
        _ option: SocketOption<Value>
    ) throws(SocketError) -> Value {
        try core.registration.get(option, remote: peer)
    }
}
