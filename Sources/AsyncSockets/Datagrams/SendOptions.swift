internal import SocketSystem

/// How one datagram shall be sent, beside where to.
public struct SendOptions: Hashable, Sendable {
    /// The local address to send from; nil for the socket's, or the routing table's choice. No
    /// group and no broadcast address: see ``DatagramMetadata/localAddress``. One of a link
    /// (`fe80::1%eth0`) goes out by the interface of its zone.
    public var source: IPAddress?

    /// The index of the interface to send by; nil leaves it to the source's zone or, where that has
    /// none, to the routing table.
    public var interfaceIndex: UInt32?

    /// How many routers the datagram may pass.
    public var hopLimit: UInt8?

    /// The class of service to ask for, 0...63: the DSCP of RFC 2474. Nil for the socket's.
    public var dscp: UInt8?

    /// Whether to take part in explicit congestion notification. Nil for what the socket does.
    public var ecn: ECN?

    /// As usual but for what is named.
    ///
    /// - Parameters:
    ///   - source: The local address to send from.
    ///   - interfaceIndex: The index of the interface to send by.
    ///   - hopLimit: How many routers the datagram may pass.
    ///   - dscp: The class of service to ask for, 0...63.
    ///   - ecn: Whether to take part in explicit congestion notification.
    public init(
        source: IPAddress? = nil,
        interfaceIndex: UInt32? = nil,
        hopLimit: UInt8? = nil,
        dscp: UInt8? = nil,
        ecn: ECN? = nil
    ) {
        self.source = source
        self.interfaceIndex = interfaceIndex
        self.hopLimit = hopLimit
        self.dscp = dscp
        self.ecn = ecn
    }

    /// The control data for a datagram of a version of IP. `socketClass` is the traffic class that
    /// the socket has, for what is not named here.
    func control(family: CInt, socketClass: UInt8) -> [UInt8] {
        var builder = ControlBuilder()
        if source != nil || interfaceIndex != nil {
            let storage = source.map { SocketAddress($0, port: 0).storage }
            builder.append(
                source: storage,
                interface: interfaceIndex ?? storage?.ipv6?.scope ?? 0,
                family: family
            )
        }
        if let hopLimit { builder.append(hopLimit: hopLimit, family: family) }
        if dscp != nil || ecn != nil {
            let value = (dscp ?? socketClass >> 2) << 2 | (ecn?.rawValue ?? socketClass & 3)
            builder.append(trafficClass: value, family: family)
        }
        return builder.bytes
    }
}
