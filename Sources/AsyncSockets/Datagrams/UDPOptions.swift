internal import SocketSystem

/// The options of a UDP socket.
public struct UDPOptions: Sendable {
    /// Whether it may send to broadcast addresses. Without it such a send is refused with
    /// ``SocketError/Code/permissionDenied`` (SO_BROADCAST).
    public var broadcast: Bool

    /// Whether other sockets with the same setting may be bound to the same port (SO_REUSEADDR).
    /// Each of them gets a copy of a multicast or broadcast datagram; any other datagram goes to
    /// the socket that was bound last.
    public var reuseAddress: Bool

    /// Whether other sockets of the same user with the same setting may be bound to the same
    /// address, and share its datagrams: all datagrams of one sender go to one of them
    /// (SO_REUSEPORT).
    public var reusePort: Bool

    /// The interface by which datagrams to groups leave, for IPv4 and IPv6 alike; nil leaves the
    /// choice to the routing table (IP_MULTICAST_IF, IPV6_MULTICAST_IF).
    public var multicastInterface: NetworkInterface?

    /// The number of routers that datagrams to groups may pass, for IPv4 and IPv6 alike; nil for 1,
    /// which keeps them on the link (IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS).
    public var multicastHopLimit: UInt8?

    /// Whether datagrams to groups also reach members on this machine, for IPv4 and IPv6 alike
    /// (IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP).
    public var multicastLoopback: Bool

    /// The kinds of facts to record about received datagrams, besides their source. Each kind costs
    /// a little for every datagram.
    public var metadata: DatagramMetadata.Kinds

    /// Whether the kernel may join datagrams of one sender and of equal size (UDP_GRO). They are
    /// still handed out one by one, except by ``UDPSocket/receive(into:)-(DatagramBatch)``.
    public var joinsSegments: Bool

    /// Whether errors that the network reports are kept for ``UDPSocket/errors`` from the beginning
    /// (IP_RECVERR, IPV6_RECVERR).
    public var queuesErrors: Bool

    /// Options that the socket gets before it is bound, in order.
    public var socketOptions: [SocketOptionSetting]

    /// Creates options; parameters that are left out keep their defaults.
    ///
    /// - Parameters:
    ///   - broadcast: Whether it may send to broadcast addresses.
    ///   - reuseAddress: Whether the port may be shared; each member gets multicasts.
    ///   - reusePort: Whether the address may be shared; the datagrams are spread.
    ///   - multicastInterface: The interface by which datagrams to groups leave.
    ///   - multicastHopLimit: The number of routers that datagrams to groups may pass.
    ///   - multicastLoopback: Whether datagrams to groups also reach this machine.
    ///   - metadata: The kinds of facts to record about received datagrams.
    ///   - joinsSegments: Whether the kernel may join datagrams of equal size.
    ///   - queuesErrors: Whether errors that the network reports are kept.
    ///   - socketOptions: Options that the socket gets before it is bound.
    public init(
        broadcast: Bool = false,
        reuseAddress: Bool = false,
        reusePort: Bool = false,
        multicastInterface: NetworkInterface? = nil,
        multicastHopLimit: UInt8? = nil,
        multicastLoopback: Bool = true,
        metadata: DatagramMetadata.Kinds = [],
        joinsSegments: Bool = false,
        queuesErrors: Bool = false,
        socketOptions: [SocketOptionSetting] = []
    ) {
        self.broadcast = broadcast
        self.reuseAddress = reuseAddress
        self.reusePort = reusePort
        self.multicastInterface = multicastInterface
        self.multicastHopLimit = multicastHopLimit
        self.multicastLoopback = multicastLoopback
        self.metadata = metadata
        self.joinsSegments = joinsSegments
        self.queuesErrors = queuesErrors
        self.socketOptions = socketOptions
    }

    /// All settings for a socket of a family, the user's own last.
    func settings(isIPv6: Bool) -> [SocketOptionSetting] {
        var settings: [SocketOptionSetting] = [
            // Only groups that this socket joined, not those of others on its port.
            .ifSupported(.multicastAll, false)
        ]
        if isIPv6 { settings.append(.ifSupported(.multicastAllIPv6, false)) }
        if broadcast { settings.append(.set(.broadcast, true)) }
        if reuseAddress { settings.append(.set(.reuseAddress, true)) }
        if reusePort { settings.append(.set(.reusePort, true)) }
        if joinsSegments { settings.append(.set(.joinsSegments, 1)) }
        if queuesErrors { settings += Self.queueErrors(isIPv6: isIPv6) }
        return settings + multicast(isIPv6: isIPv6) + metadata.settings(isIPv6: isIPv6)
            + socketOptions
    }

    private func multicast(isIPv6: Bool) -> [SocketOptionSetting] {
        // An IPv6 socket may carry IPv4 too.
        var settings: [SocketOptionSetting] = []
        if let index = multicastInterface?.index {
            settings.append(.set(.multicastInterface, index))
            if isIPv6 { settings.append(.set(.multicastInterfaceIPv6, index)) }
        }
        if let limit = multicastHopLimit.map(Int.init) {
            settings.append(.set(.multicastTimeToLive, limit))
            if isIPv6 { settings.append(.set(.multicastHopLimit, limit)) }
        }
        if !multicastLoopback {
            settings.append(.set(.multicastLoopback, false))
            if isIPv6 { settings.append(.set(.multicastLoopbackIPv6, false)) }
        }
        return settings
    }

    static func queueErrors(isIPv6: Bool) -> [SocketOptionSetting] {
        // An IPv6 socket may carry IPv4 too.
        [.set(.receiveErrors, true), .set(.selectsErrorQueue, true)]
            + (isIPv6 ? [.set(.receiveErrorsIPv6, true)] : [])
    }
}

extension DatagramMetadata.Kinds {
    fileprivate func settings(isIPv6: Bool) -> [SocketOptionSetting] {
        var settings: [SocketOptionSetting] = []
        if contains(.destination) {
            settings.append(.set(.receivePacketInfo, true))
            if isIPv6 { settings.append(.set(.receivePacketInfoIPv6, true)) }
        }
        if contains(.hopLimit) {
            settings.append(.set(.receiveTimeToLive, true))
            if isIPv6 { settings.append(.set(.receiveHopLimit, true)) }
        }
        if contains(.trafficClass) {
            settings.append(.set(.receiveTypeOfService, true))
            if isIPv6 { settings.append(.set(.receiveTrafficClass, true)) }
        }
        if contains(.receiveTime) { settings.append(.set(.receiveTimestamps, true)) }
        if contains(.dropCount) { settings.append(.set(.receiveDropCount, true)) }
        return settings
    }
}

extension SocketOption where Value == Int {
    /// UDP_GRO of udp(7).
    fileprivate static var joinsSegments: SocketOption<Int> {
        integer("joinsSegments", .udpJoinsSegments)
    }
}

extension SocketOption where Value == Bool {
    /// Whether select(2) reports a queued error as urgent data. It cannot tell one from a datagram
    /// otherwise.
    fileprivate static var selectsErrorQueue: SocketOption {
        flag("selectsErrorQueue", .selectErrorQueue)
    }
}
