internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// A UDP socket, RFC 768: it sends datagrams, and is an asynchronous sequence of those that arrive.
///
/// ```swift
/// let socket = try UDPSocket.bind(to: "127.0.0.1:9999")
/// for try await datagram in socket {
///     // An answer that cannot be sent is no reason to stop.
///     try? await socket.send(datagram.bytes, to: datagram.source)
/// }
/// ```
///
/// Several tasks may receive; each datagram goes to exactly one. Any number of tasks may send.
/// Datagrams can be lost on the way and in the kernel's buffers, but not in this library: a
/// cancelled receive has taken none.
///
/// An error that a receive or a send throws does not end the socket: the next call goes on. The
/// socket closes when `close()` is called or when the last reference to it is gone.
public final class UDPSocket: Sendable {
    let core: DatagramCore
    /// Whether it is an IPv6 socket, which may carry IPv4 too.
    let isIPv6: Bool
    /// The peer that it is connected to.
    private let peer: Mutex<UDPPeer>

    init(core: DatagramCore, isIPv6: Bool, peer: UDPPeer) {
        self.core = core
        self.isIPv6 = isIPv6
        self.peer = Mutex(peer)
    }

    deinit { core.close() }

    /// Binds a socket to an address: it receives datagrams that are sent there.
    ///
    /// The corresponding system call is `bind(2)`.
    ///
    /// - Parameters:
    ///   - address: The address to receive at. With port 0 the kernel chooses one; `localAddress`
    ///     has it. `0.0.0.0` and `::` are all addresses of the machine; for groups and broadcasts
    ///     bind to those, or to the group's or broadcast address itself.
    ///   - options: The options of the socket.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket; the kernel keeps datagrams for it from now on.
    /// - Throws: `SocketError`: `.addressInUse`, `.addressNotAvailable`, `.permissionDenied`,
    ///   `.wrongAddressFamily` for an address that is not an IP address, `.tooManyDescriptors`.
    public static func bind(
        to address: SocketAddress,
        options: UDPOptions = UDPOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UDPSocket {
        let isIPv6 = try isIPv6(address, for: .bind)
        let socket = try makeSocket(
            .udp(address.storage.family),
            options.settings(isIPv6: isIPv6),
            local: address,
            for: .bind
        )
        let registration = try group.register(socket, for: .bind, local: address)
        let peer = UDPPeer(local: address)
        return UDPSocket(registration, isIPv6: isIPv6, peer: peer, options: options)
    }

    /// Binds a socket to an address given as text, such as `127.0.0.1:9999` or `[::]:9999`.
    ///
    /// - Parameters:
    ///   - address: The address to receive at.
    ///   - options: The options of the socket.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address. A name
    ///   is not looked up here: `bind(to:port:…)` does that.
    public static func bind(
        to address: String,
        options: UDPOptions = UDPOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UDPSocket {
        try bind(to: SocketAddress(address), options: options, on: group)
    }

    /// Makes a socket that is connected to one peer: it sends there, receives only datagrams from
    /// there, and learns if no socket receives there.
    ///
    /// Nothing is sent and nothing is waited for. The corresponding system call is `connect(2)`.
    ///
    /// - Parameters:
    ///   - address: The peer.
    ///   - local: The address to bind to; nil lets the kernel choose.
    ///   - options: The options of the socket.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: `SocketError`: `.networkUnreachable` if there is no route, `.addressInUse`,
    ///   `.permissionDenied` for a broadcast address without the option, `.wrongAddressFamily`.
    public static func connect(
        to address: SocketAddress,
        from local: SocketAddress? = nil,
        options: UDPOptions = UDPOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UDPSocket {
        let isIPv6 = try isIPv6(address, for: .connect)
        let socket = try makeSocket(
            .udp(address.storage.family),
            options.settings(isIPv6: isIPv6),
            local: local,
            remote: address,
            for: .connect
        )
        let interface: CInt
        do throws(Errno) {
            interface = try connectDatagramSocket(socket.rawValue, to: address.storage)
        } catch {
            throw SocketError(.connect, error, refusedBy: .connect, local: local, remote: address)
        }
        let registration = try group.register(socket, for: .connect, remote: address)
        let peer = UDPPeer(address, interface: interface, local: local)
        return UDPSocket(registration, isIPv6: isIPv6, peer: peer, options: options)
    }

    /// Makes a socket that is connected to one peer, whose address is given as text.
    ///
    /// - Parameters:
    ///   - address: The peer.
    ///   - local: The address to bind to; nil lets the kernel choose.
    ///   - options: The options of the socket.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address. A name
    ///   is not looked up here: ``connect(to:port:from:options:resolver:on:)`` does that.
    public static func connect(
        to address: String,
        from local: SocketAddress? = nil,
        options: UDPOptions = UDPOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UDPSocket {
        try connect(to: SocketAddress(address), from: local, options: options, on: group)
    }

    /// Takes over a UDP socket that was made elsewhere.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and the socket closes it from now on.
    /// If this throws, the descriptor stays open.
    ///
    /// Other processes may receive from the socket, too. So each receive takes one datagram from
    /// the kernel, and leaves the others to whoever has time for them. A ``DatagramBatch`` still
    /// takes many.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that it joins.
    /// - Throws: `SocketError` if the descriptor is not a UDP socket. Other datagram sockets, such
    ///   as those of ICMP or UDP-Lite, behave otherwise than this type promises.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        let remote: SocketAddress?
        let local: SocketAddress?
        do throws(Errno) {
            try requireSocket(
                descriptor,
                type: SocketKind.datagram,
                families: SocketKind.internetFamilies,
                proto: SocketKind.udpProtocol
            )
            local = try SocketAddress(SocketSystem.localAddress(of: descriptor))
            remote = (try? SocketSystem.remoteAddress(of: descriptor))
                .flatMap { SocketAddress($0) }
            try adoptDescriptor(descriptor)
        } catch {
            throw SocketError(.adopt, error)
        }
        let registration = try group.register(adopting: descriptor, for: .adopt, remote: remote)
        // The address of a connected socket may be the program's choice or the kernel's; here it is
        // unknown.
        let peer = UDPPeer(remote, local: remote == nil ? local : nil)
        self.init(registration, isIPv6: local?.family == .ipv6, peer: peer, options: nil)
    }

    /// `options` are those that were set; nil if others set the socket's options.
    private convenience init(
        _ registration: Registration,
        isIPv6: Bool,
        peer: UDPPeer,
        options: UDPOptions?
    ) {
        let core = DatagramCore(registration: registration, style: .many)
        if let options, options.socketOptions.isEmpty {
            core.joinsSegments.store(options.joinsSegments, ordering: .relaxed)
            core.errors.turn(on: options.queuesErrors)
        } else {
            registration.use { core.learnOptions(of: $0) }
        }
        self.init(core: core, isIPv6: isIPv6, peer: peer)
    }

    private static func isIPv6(
        _ address: SocketAddress,
        for operation: SocketError.Operation
    ) throws(SocketError) -> Bool {
        if address.ip != nil { return address.family == .ipv6 }
        throw SocketError(
            operation,
            code: .wrongAddressFamily,
            local: operation == .bind ? address : nil,
            remote: operation == .bind ? nil : address,
            reason: "UDP needs an IP address and a port"
        )
    }
}

// MARK: - Addresses

extension UDPSocket {
    /// The socket's own address; nil after it was closed.
    ///
    /// The corresponding system call is `getsockname(2)`.
    public var localAddress: SocketAddress? { core.registration.localAddress }

    /// The connected peer; nil if there is none.
    public var remoteAddress: SocketAddress? { peer.withLock { $0.address } }

    /// Connects the socket to this peer alone, even if it had another before.
    ///
    /// Datagrams that had arrived from others are still received. The port stays the same. The
    /// address stays the same if the program chose it; otherwise it becomes the local address of
    /// the route to the new peer. The corresponding system call is `connect(2)`.
    ///
    /// A socket that has a peer, and an address of the kernel's choice, has no peer for a moment in
    /// between: see `disconnect()`.
    ///
    /// - Parameter address: The peer.
    /// - Throws: `SocketError`: `.networkUnreachable` if there is no route, `.closed`,
    ///   `.wrongAddressFamily`; the socket then keeps the peer that it had. `.addressInUse` as
    ///   `disconnect()`.
    public func connect(to address: SocketAddress) throws(SocketError) {
        _ = try Self.isIPv6(address, for: .connect)
        try peer.withLock { (peer) throws(SocketError) in
            try use(.connect, remote: address) { socket throws(Errno) in
                try peer.connect(socket, to: address)
            }
        }
    }

    /// Connects the socket to this peer alone; see ``connect(to:)-(SocketAddress)``.
    ///
    /// - Parameter address: The peer, as text.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address.
    public func connect(to address: String) throws(SocketError) {
        try connect(to: SocketAddress(address))
    }

    /// Removes the peer: the socket sends to and receives from any address from now on. A socket
    /// without a peer stays as it is.
    ///
    /// The socket keeps its port, and an address that the program chose. An address that the kernel
    /// chose for the peer becomes `0.0.0.0` or `::`. The corresponding system call is `connect(2)`
    /// to an address without a family.
    ///
    /// If the kernel chose the port, it takes it back together with the peer, and the socket is
    /// bound to it anew. Datagrams that arrive in that moment are lost.
    ///
    /// - Throws: `SocketError`: `.closed`; `.addressInUse` if another socket was given the port in
    ///   that moment. This one then has no port until it sends or connects.
    public func disconnect() throws(SocketError) {
        try peer.withLock { (peer) throws(SocketError) in
            try use(.connect) { socket throws(Errno) in try peer.dissolve(socket) }
        }
    }
}

// MARK: - Calls and errors

extension UDPSocket {
    /// Runs a system call on the socket.
    func use<Value>(
        _ operation: SocketError.Operation,
        remote: SocketAddress? = nil,
        reason: String? = nil,
        _ body: (CInt) throws(Errno) -> Value
    ) throws(SocketError) -> Value {
        let value: Value?
        do throws(Errno) {
            value = try core.registration.use(body)
        } catch {
            let isRefusal = operation == .connect
            throw SocketError(
                operation,
                error,
                local: localAddress,
                remote: remote,
                reason: isRefusal
                    ? SocketError.refusal(error, by: .connect, local: nil, remote: remote) : reason
            )
        }
        if let value { return value }
        throw SocketError(operation, code: .closed, remote: remote)
    }

    /// Translates an operation's failure to the error that a program catches.
    func error(
        _ failure: OperationFailure,
        _ operation: SocketError.Operation,
        remote: SocketAddress? = nil,
        count: Int = 0,
        sent: Int = 0
    ) -> any Error {
        let remote = remote ?? remoteAddress
        return failure.error(
            operation,
            local: localAddress,
            remote: remote,
            bytesWritten: sent
        ) { errno in
            operation == .send ? sendReason(errno, count: count, to: remote) : nil
        }
    }

    /// The reason of a failed send, if the error number alone does not explain it.
    private func sendReason(_ errno: Errno, count: Int, to address: SocketAddress?) -> String? {
        switch errno {
        case .messageTooLong: return "\(count) bytes are too many for one datagram here"
        case .destinationRequired: return "a socket that is not connected needs a destination"
        default: return SocketError.refusal(errno, by: .send, local: nil, remote: address)
        }
    }
}

extension SocketKind {
    /// A UDP socket of a family.
    fileprivate static func udp(_ family: CInt) -> SocketKind {
        SocketKind(family: family, type: datagram, proto: udpProtocol)
    }
}
