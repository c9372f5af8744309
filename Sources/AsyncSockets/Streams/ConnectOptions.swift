/// How a connection is made.
public struct ConnectOptions: Sendable {
    /// The address to connect from; nil lets the kernel choose. Of a host that is given by name,
    /// only the addresses of the same version of IP are tried.
    ///
    /// With port 0 the kernel chooses the port when it knows the peer: connections to different
    /// peers can have the same (`IP_BIND_ADDRESS_NO_PORT`). A port of the program's choice can be
    /// used by several connections to different peers, also while an earlier one still winds down
    /// (`SO_REUSEADDR`); not while a socket listens there. `socketOptions` can switch off both.
    public var localAddress: SocketAddress?

    /// The network interface to connect through, by name, whatever the routes say; nil lets the
    /// routes decide. `SO_BINDTODEVICE` in `socket(7)`; `.notSupported` for Unix sockets.
    public var interface: String?

    /// Whether the first bytes may travel with the connection's first packet, RFC 7413.
    ///
    /// If the peer has handed out a cookie before, connecting returns at once. The first write
    /// makes the connection: its bytes go with the first packet, and it returns when the connection
    /// is there. If a read or `shutdown` comes first, that makes it. If nobody listens, the first
    /// write or read fails. `TCP_FASTOPEN_CONNECT` in `tcp(7)`; `.notSupported` for Unix sockets.
    public var fastOpen: Bool

    /// How a host that is given by name is reached.
    public var names: NameOptions

    /// Options that the socket gets before it connects, in order.
    public var socketOptions: [SocketOptionSetting]

    /// What becomes of the file where `localAddress` is a Unix socket's path.
    public var socketFile: SocketFileOptions

    /// Whether a `UnixConnection` receives descriptors that the peer passes.
    ///
    /// Without it the kernel refuses them (`SO_PASSRIGHTS`, Linux 6.16) or they are closed at once.
    /// `.notSupported` for TCP; Unix packets and datagrams can always bring descriptors.
    public var receivesDescriptors: Bool

    /// Everything as usual but what is named.
    ///
    /// - Parameters:
    ///   - localAddress: The address to connect from; nil lets the kernel choose.
    ///   - interface: The network interface to connect through; nil lets the routes decide.
    ///   - fastOpen: Whether the first bytes may travel with the connection's first packet.
    ///   - names: How a host that is given by name is reached.
    ///   - socketOptions: Options that the socket gets before it connects.
    ///   - socketFile: What becomes of the file where `localAddress` is a Unix socket's path.
    ///   - receivesDescriptors: Whether a `UnixConnection` receives descriptors.
    public init(
        localAddress: SocketAddress? = nil,
        interface: String? = nil,
        fastOpen: Bool = false,
        names: NameOptions = NameOptions(),
        socketOptions: [SocketOptionSetting] = [],
        socketFile: SocketFileOptions = SocketFileOptions(),
        receivesDescriptors: Bool = false
    ) {
        self.receivesDescriptors = receivesDescriptors
        self.localAddress = localAddress
        self.interface = interface
        self.fastOpen = fastOpen
        self.names = names
        self.socketOptions = socketOptions
        self.socketFile = socketFile
    }

    /// Whether the connection may be put off until its first write. An option may ask for that,
    /// too.
    var mayPutOff: Bool { fastOpen || !socketOptions.isEmpty }

    /// Every option of the socket, in the order of setting.
    var settings: [SocketOptionSetting] {
        var settings: [SocketOptionSetting] = []
        if let interface { settings.append(.set(.bindToDevice, interface)) }
        if fastOpen { settings.append(.set(.fastOpenConnect, true)) }
        return settings + socketOptions
    }
}

/// How a host that is given by name is reached, RFC 8305.
public struct NameOptions: Hashable, Sendable {
    /// Which of the host's addresses are looked up and tried; nil for both versions.
    public var version: IPAddress.Version?

    /// How long addresses of IPv4 that came first wait for those of IPv6.
    public var resolutionDelay: Duration

    /// How long an attempt has before the next address is tried beside it, unless it fails
    /// before. From 10 milliseconds to 2 seconds; what lies outside counts as the nearest of the
    /// two.
    public var attemptDelay: Duration

    /// Everything as the RFC recommends but what is named.
    ///
    /// - Parameters:
    ///   - version: Which of the host's addresses are tried; nil for both versions.
    ///   - resolutionDelay: How long addresses of IPv4 wait for those of IPv6.
    ///   - attemptDelay: How long an attempt has before the next address is tried.
    public init(
        version: IPAddress.Version? = nil,
        resolutionDelay: Duration = .milliseconds(50),
        attemptDelay: Duration = .milliseconds(250)
    ) {
        self.version = version
        self.resolutionDelay = resolutionDelay
        self.attemptDelay = attemptDelay
    }

    /// The delays, within their bounds.
    var timing: HappyEyeballs.Timing {
        HappyEyeballs.Timing(
            resolutionDelay: max(resolutionDelay, .zero),
            attemptDelay: min(max(attemptDelay, .milliseconds(10)), .seconds(2))
        )
    }
}

/// How a listener listens.
public struct ListenOptions: Sendable {
    /// How many connections may wait to be accepted; nil for as many as the system allows
    /// (`net.core.somaxconn`).
    public var backlog: Int?

    /// Whether other sockets of the same user may listen at the same address and share its
    /// connections, `SO_REUSEPORT` in `socket(7)`; `.notSupported` for Unix sockets.
    public var reusePort: Bool

    /// Whether each loop of the group has a listening socket of its own; `.notSupported` for Unix
    /// sockets.
    public var shards: ListenShards

    /// Options that the socket gets before it is bound, in order. Accepted connections inherit
    /// most of them.
    public var socketOptions: [SocketOptionSetting]

    /// How the file of a Unix socket's path comes and goes; of no meaning for other addresses.
    public var socketFile: SocketFileOptions

    /// Whether the connections of a `UnixListener` receive descriptors that their peers pass.
    ///
    /// Without it the kernel refuses them (`SO_PASSRIGHTS`, Linux 6.16) or they are closed at once.
    /// `.notSupported` for TCP; Unix packets can always bring descriptors.
    public var receivesDescriptors: Bool

    /// Everything as usual but what is named.
    ///
    /// - Parameters:
    ///   - backlog: How many connections may wait to be accepted; nil for as many as the system
    ///     allows.
    ///   - reusePort: Whether other sockets may listen at the same address.
    ///   - shards: Whether each loop of the group has a listening socket of its own.
    ///   - socketOptions: Options that the socket gets before it is bound.
    ///   - socketFile: How the file of a Unix socket's path comes and goes.
    ///   - receivesDescriptors: Whether the connections of a `UnixListener` receive descriptors.
    public init(
        backlog: Int? = nil,
        reusePort: Bool = false,
        shards: ListenShards = .none,
        socketOptions: [SocketOptionSetting] = [],
        socketFile: SocketFileOptions = SocketFileOptions(),
        receivesDescriptors: Bool = false
    ) {
        self.receivesDescriptors = receivesDescriptors
        self.socketFile = socketFile
        self.backlog = backlog
        self.reusePort = reusePort
        self.shards = shards
        self.socketOptions = socketOptions
    }
}
