internal import SocketSystem

/// How one datagram is sent, apart from its destination.
public struct SendOptions: Hashable, Sendable {
    /// The local address to send from; nil for the socket's, or the routing table's choice. Not a
    /// group and not a broadcast address: see ``DatagramMetadata/localAddress``. A link-local
    /// address (`fe80::1%eth0`) goes out by the interface of its zone.
    public var source: IPAddress?

    /// The index of the interface to send by; nil means the interface of the source's zone or, if
    /// that has none, the routing table's choice.
    public var interfaceIndex: UInt32?

    /// The number of routers that the datagram may pass. Nil for the socket's.
    public var hopLimit: UInt8?

    /// The requested class of service, 0...63: the DSCP of RFC 2474. Nil for the socket's.
    public var dscp: UInt8?

    /// Whether the datagram takes part in explicit congestion notification. Nil for the socket's
    /// setting.
    public var ecn: ECN?

    /// Creates options; parameters that are left out keep the socket's settings.
    ///
    /// - Parameters:
    ///   - source: The local address to send from.
    ///   - interfaceIndex: The index of the interface to send by.
    ///   - hopLimit: The number of routers that the datagram may pass.
    ///   - dscp: The requested class of service, 0...63.
    ///   - ecn: Whether the datagram takes part in explicit congestion notification.
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

    /// The control data for a datagram of a version of IP. `socketClass` is the socket's traffic
    /// class, for the parts that these options leave out.
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
