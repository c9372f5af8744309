internal import SocketReactor
internal import SocketSystem

/// A TCP connection, RFC 9293.
///
/// See `StreamConnection` for reading, writing and closing.
///
/// ```swift
/// let connection = try await TCPConnection.connect(to: "127.0.0.1:9999")
/// try await connection.write("hello\n")
/// let answer = try await connection.read(until: Array("\n".utf8))
/// ```
public final class TCPConnection: StreamConnection, @unchecked Sendable {
    /// Takes over a connected TCP socket that was made elsewhere.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and the connection closes it from now
    /// on. If this throws, the descriptor stays open. The socket's options stay as they are:
    /// whether small writes are sent at once (`noDelay`) was its maker's choice.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that it joins.
    /// - Throws: `SocketError` if the descriptor is not a connected TCP socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        let remote = try adopt(
            descriptor,
            (SocketKind.stream, SocketKind.internetFamilies)
        )
        let registration = try group.register(
            adopting: descriptor,
            for: .adopt,
            remote: remote
        )
        self.init(registration: registration, remoteAddress: remote)
    }

    /// Connects to a TCP listener.
    ///
    /// Small writes are sent at once (TCP_NODELAY) unless `options` say otherwise.
    ///
    /// The corresponding system call is `connect(2)`.
    ///
    /// - Parameters:
    ///   - address: The listener's address.
    ///   - options: The local address, and options of the socket.
    ///   - group: The loops that the connection joins.
    /// - Returns: The connection.
    /// - Throws: `SocketError`: `.connectionRefused` if no socket listens there,
    ///   `.hostUnreachable`, `.timedOut` after the kernel's last retry, `.wrongAddressFamily` for
    ///   an address that is not an IP address, `.notSupported` for `receivesDescriptors`.
    ///   `CancellationError` if the task was cancelled; no socket is left then.
    public static func connect(
        to address: SocketAddress,
        options: ConnectOptions = ConnectOptions(),
        on group: EventLoopGroup = .shared
    ) async throws -> TCPConnection {
        let registration = try await connectTCP(to: address, options, on: group)
        return TCPConnection(connected: registration, to: address, options)
    }

    /// Takes over a socket of `connectTCP`.
    convenience init(
        connected registration: Registration,
        to address: SocketAddress,
        _ options: ConnectOptions
    ) {
        self.init(registration: registration, remoteAddress: address)
        if options.mayPutOff { noticePutOff() }
    }

    /// Resets the connection: the peer gets an RST, and unsent bytes are thrown away.
    ///
    /// The connection is then closed, as by `close()`. The corresponding system call is `close(2)`
    /// with a linger time of zero, `socket(7)`.
    public func reset() {
        registration.use { socket in try? SocketOption.linger.write(.zero, to: socket) }
        registration.close()
    }
}

/// Connects a TCP socket to an address.
func connectTCP(
    to address: SocketAddress,
    _ options: ConnectOptions,
    on group: EventLoopGroup
) async throws -> Registration {
    let kind = try tcpKind(of: address, options.receivesDescriptors, for: .connect)
    if address.port == 0 {
        throw SocketError(
            .connect,
            code: .invalidArgument,
            remote: address,
            reason: "port 0 is no port"
        )
    }
    var defaults: [SocketOptionSetting] = [.set(.noDelay, true)]
    switch options.localAddress?.port {
    case nil: break
    // Otherwise bind(2) would choose a port that nobody else has, and connections to different
    // peers could not share it.
    case 0: defaults.append(.ifSupported(.bindAddressNoPort, true))
    // Otherwise the port could not be used again, for whatever peer, for a minute after its last
    // connection was closed. A listener at the port is still in the way.
    default: defaults.append(.set(.reuseAddress, true))
    }
    return try await connectStream(
        kind,
        to: address,
        options: options,
        defaults: defaults,
        on: group
    )
}

/// The kind of socket that a TCP address needs. TCP passes no descriptors.
func tcpKind(
    of address: SocketAddress,
    _ receivesDescriptors: Bool,
    for operation: SocketError.Operation
) throws(SocketError) -> SocketKind {
    if address.ip != nil, !receivesDescriptors { return .tcp(address.storage.family) }
    let isIP = address.ip != nil
    throw SocketError(
        operation,
        code: isIP ? .notSupported : .wrongAddressFamily,
        local: operation == .bind ? address : nil,
        remote: operation == .bind ? nil : address,
        reason: isIP
            ? "TCP passes no descriptors (receivesDescriptors)"
            : "TCP needs an IP address and a port"
    )
}
