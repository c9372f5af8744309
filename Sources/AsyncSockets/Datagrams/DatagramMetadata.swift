internal import SocketSystem

/// The kernel's facts about a received datagram besides its source. A fact is present only if the
/// socket was asked for it, see ``UDPOptions/metadata``.
public struct DatagramMetadata: Hashable, Sendable {
    /// The address that the datagram was sent to: this machine's, or a broadcast or multicast
    /// address.
    public var destination: IPAddress?

    /// The address of this machine that an answer should come from, for ``SendOptions/source``. It
    /// is the destination, or an address of the interface if the destination is a group or a
    /// broadcast address, which no socket can send from. Nil for an IPv6 group: leave the choice to
    /// the routing table.
    public var localAddress: IPAddress?

    /// The index of the interface at which it arrived.
    public var interfaceIndex: UInt32?

    /// The number of further routers that the datagram could have passed: IPv4's time to live,
    /// IPv6's hop limit.
    public var hopLimit: UInt8?

    /// The class of service that the sender asked for, 0...63: the DSCP of RFC 2474.
    public var dscp: UInt8?

    /// The routers' signal of congestion on the way.
    public var ecn: ECN?

    /// The time at which the kernel received it, since 1970-01-01 00:00 UTC by the machine's clock.
    public var receiveTime: Duration?

    /// The number of datagrams that this socket had lost for lack of room in its buffer before this
    /// one was queued; nil until the first is lost. It wraps around at 2³².
    public var dropCount: UInt32?

    /// Whether the kernel had more control data than there was room for, so that facts may be
    /// missing (MSG_CTRUNC). There is room for all that ``Kinds`` names and more; options that a
    /// program sets by their numbers can ask for too much.
    public var isIncomplete = false

    /// Makes metadata without any fact.
    public init() {}

    init(_ packet: PacketControl, isIncomplete: Bool) {
        self.isIncomplete = isIncomplete
        localAddress = packet.local.flatMap { SocketAddress($0)?.ip }
        destination = packet.destination.flatMap { SocketAddress($0)?.ip }
        interfaceIndex = packet.interface
        hopLimit = packet.hopLimit
        dscp = packet.trafficClass.map { $0 >> 2 }
        ecn = packet.trafficClass.map { ECN(rawValue: $0 & 3) }
        receiveTime = packet.timestamp.map { .seconds($0.seconds) + .nanoseconds($0.nanoseconds) }
        dropCount = packet.dropCount
    }

    /// The kinds of metadata that a socket can be asked for.
    public struct Kinds: OptionSet, Hashable, Sendable {
        /// One bit for each kind; the bits have no meaning elsewhere.
        public let rawValue: UInt8

        /// Makes kinds from their bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// ``DatagramMetadata/destination``, ``DatagramMetadata/localAddress`` and
        /// ``DatagramMetadata/interfaceIndex`` (IP_PKTINFO, IPV6_RECVPKTINFO).
        public static let destination = Kinds(rawValue: 1)
        /// ``DatagramMetadata/hopLimit`` (IP_RECVTTL, IPV6_RECVHOPLIMIT).
        public static let hopLimit = Kinds(rawValue: 2)
        /// ``DatagramMetadata/dscp`` and ``DatagramMetadata/ecn`` (IP_RECVTOS, IPV6_RECVTCLASS).
        public static let trafficClass = Kinds(rawValue: 4)
        /// ``DatagramMetadata/receiveTime`` (SO_TIMESTAMPNS).
        public static let receiveTime = Kinds(rawValue: 8)
        /// ``DatagramMetadata/dropCount`` (SO_RXQ_OVFL).
        public static let dropCount = Kinds(rawValue: 16)
        /// All kinds.
        public static let all: Kinds = [
            .destination, .hopLimit, .trafficClass, .receiveTime, .dropCount,
        ]
    }
}

/// Explicit congestion notification, RFC 3168: the sender's ability and the routers' signal.
public struct ECN: Hashable, Sendable, CustomStringConvertible {
    /// The two bits of the IP header.
    public let rawValue: UInt8

    /// Makes a value from the lower two bits of a number.
    public init(rawValue: UInt8) { self.rawValue = rawValue & 3 }

    /// The sender does not take part.
    public static let notCapable = ECN(rawValue: 0)
    /// The sender takes part, ECT(1).
    public static let capable1 = ECN(rawValue: 1)
    /// The sender takes part, ECT(0).
    public static let capable0 = ECN(rawValue: 2)
    /// A router on the way is congested, CE.
    public static let congestion = ECN(rawValue: 3)

    /// The name of RFC 3168: `Not-ECT`, `ECT(1)`, `ECT(0)` or `CE`.
    public var description: String { ["Not-ECT", "ECT(1)", "ECT(0)", "CE"][Int(rawValue)] }
}
