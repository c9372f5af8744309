/// How a connection is made.
public struct ConnectOptions: Sendable {
    /// The address to connect from; nil lets the kernel choose.
    public var localAddress: SocketAddress?

    /// Options that the socket gets before it connects, in order.
    public var socketOptions: [SocketOptionSetting]

    /// Everything as usual but what is named.
    ///
    /// - Parameters:
    ///   - localAddress: The address to connect from; nil lets the kernel choose.
    ///   - socketOptions: Options that the socket gets before it connects.
    public init(
        localAddress: SocketAddress? = nil,
        socketOptions: [SocketOptionSetting] = []
    ) {
        self.localAddress = localAddress
        self.socketOptions = socketOptions
    }
}

/// How a listener listens.
public struct ListenOptions: Sendable {
    /// How many connections may wait to be accepted; nil for as many as the system allows
    /// (`net.core.somaxconn`).
    public var backlog: Int?

    /// Whether other sockets of the same user may listen at the same address and share its
    /// connections, `SO_REUSEPORT` in `socket(7)`.
    public var reusePort: Bool

    /// Whether each loop of the group has a listening socket of its own.
    public var shards: ListenShards

    /// Options that the socket gets before it is bound, in order. Accepted connections inherit
    /// most of them.
    public var socketOptions: [SocketOptionSetting]

    /// Everything as usual but what is named.
    ///
    /// - Parameters:
    ///   - backlog: How many connections may wait to be accepted; nil for as many as the system
    ///     allows.
    ///   - reusePort: Whether other sockets may listen at the same address.
    ///   - shards: Whether each loop of the group has a listening socket of its own.
    ///   - socketOptions: Options that the socket gets before it is bound.
    public init(
        backlog: Int? = nil,
        reusePort: Bool = false,
        shards: ListenShards = .none,
        socketOptions: [SocketOptionSetting] = []
    ) {
        self.backlog = backlog
        self.reusePort = reusePort
        self.shards = shards
        self.socketOptions = socketOptions
    }
}
