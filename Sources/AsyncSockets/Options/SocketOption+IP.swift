internal import SocketSystem

// Options of IPv4 and IPv6 sockets, ip(7) and ipv6(7).
//
// If both protocols have an option, each has its own name here. On an IPv6 socket that also carries
// IPv4 (`v6Only` is false), the IPv4 option applies to the IPv4-mapped traffic.

extension SocketOption where Value == Bool {
    /// Whether an IPv6 socket refuses IPv4 (IPV6_V6ONLY). Set it before bind.
    public static var v6Only: SocketOption { flag("v6Only", .ipv6Only) }

    /// Whether an address can be bound that the machine does not have yet (IP_FREEBIND).
    public static var freeBind: SocketOption { flag("freeBind", .ipFreeBind) }

    /// Whether foreign addresses can be bound, for a transparent proxy; for privileged processes
    /// (IP_TRANSPARENT).
    public static var transparent: SocketOption { flag("transparent", .ipTransparent) }

    /// Whether binding to port 0 leaves the choice of the port to connect. Different peers can then
    /// share a port (IP_BIND_ADDRESS_NO_PORT). On by default for TCP clients with a local address
    /// and port 0; for UDP it makes no difference.
    public static var bindAddressNoPort: SocketOption {
        flag("bindAddressNoPort", .ipBindAddressNoPort)
    }

    /// Whether received datagrams carry their destination address and interface (IP_PKTINFO).
    public static var receivePacketInfo: SocketOption { flag("receivePacketInfo", .ipPacketInfo) }

    /// As ``receivePacketInfo``, for IPv6 (IPV6_RECVPKTINFO).
    public static var receivePacketInfoIPv6: SocketOption {
        flag("receivePacketInfoIPv6", .ipv6ReceivePacketInfo)
    }

    /// Whether received datagrams carry their remaining time to live (IP_RECVTTL).
    public static var receiveTimeToLive: SocketOption {
        flag("receiveTimeToLive", .ipReceiveTimeToLive)
    }

    /// Whether received IPv6 datagrams carry their remaining hop limit (IPV6_RECVHOPLIMIT).
    public static var receiveHopLimit: SocketOption {
        flag("receiveHopLimit", .ipv6ReceiveHopLimit)
    }

    /// Whether received datagrams carry their type of service (IP_RECVTOS).
    public static var receiveTypeOfService: SocketOption {
        flag("receiveTypeOfService", .ipReceiveTypeOfService)
    }

    /// Whether received IPv6 datagrams carry their traffic class (IPV6_RECVTCLASS).
    public static var receiveTrafficClass: SocketOption {
        flag("receiveTrafficClass", .ipv6ReceiveTrafficClass)
    }

    /// Whether errors that the network reports are kept with the destination and the cause
    /// (IP_RECVERR).
    public static var receiveErrors: SocketOption { flag("receiveErrors", .ipReceiveErrors) }

    /// As ``receiveErrors``, for IPv6 (IPV6_RECVERR).
    public static var receiveErrorsIPv6: SocketOption {
        flag("receiveErrorsIPv6", .ipv6ReceiveErrors)
    }
}

extension SocketOption where Value == Int {
    /// The number of routers that a packet may pass, 1...255; -1 sets the machine's default
    /// (IP_TTL).
    public static var timeToLive: SocketOption { integer("timeToLive", .ipTimeToLive) }

    /// The number of routers that an IPv6 packet may pass, 0...255; -1 sets the machine's default
    /// (IPV6_UNICAST_HOPS).
    public static var hopLimit: SocketOption { integer("hopLimit", .ipv6HopLimit) }

    /// The second byte of sent IPv4 headers, 0...255: the service's code point in the upper six
    /// bits, and for datagrams ECN in the lower two (IP_TOS).
    public static var typeOfService: SocketOption { integer("typeOfService", .ipTypeOfService) }

    /// The same field of IPv6 headers, 0...255; -1 sets the machine's default (IPV6_TCLASS).
    public static var trafficClass: SocketOption { integer("trafficClass", .ipv6TrafficClass) }

    /// The size of the largest packet that is known to pass the path to the peer, in bytes;
    /// connected sockets only (IP_MTU). Read only.
    public static var pathMTU: SocketOption { readOnlyInteger("pathMTU", .ipMTU) }

    /// As ``pathMTU``, for IPv6 (IPV6_MTU). Read only.
    public static var pathMTUIPv6: SocketOption { readOnlyInteger("pathMTUIPv6", .ipv6MTU) }
}

/// The treatment of packets that are too large for the path to the peer.
public struct PathMTUDiscovery: Hashable, Sendable, CustomStringConvertible {
    /// The kernel's number, `IP_PMTUDISC_WANT` and its like.
    public let rawValue: CInt

    /// Makes a value from the kernel's number.
    public init(rawValue: CInt) { self.rawValue = rawValue }

    /// Routers cut them into fragments.
    public static let never = PathMTUDiscovery(rawValue: 0)
    /// The machine cuts them if the size for the path is known; otherwise the route decides.
    public static let wanted = PathMTUDiscovery(rawValue: 1)
    /// They are refused with ``SocketError/Code/messageTooLong``.
    public static let always = PathMTUDiscovery(rawValue: 2)
    /// They are sent uncut, up to the interface's limit, to find the size that passes.
    public static let probe = PathMTUDiscovery(rawValue: 3)
    /// As ``never``, but what routers report about the size is ignored.
    public static let interface = PathMTUDiscovery(rawValue: 4)
    /// As ``interface``, but the machine may cut packets.
    public static let omit = PathMTUDiscovery(rawValue: 5)

    /// The name of the member, or the number.
    public var description: String {
        let names = ["never", "wanted", "always", "probe", "interface", "omit"]
        let index = Int(rawValue)
        return names.indices.contains(index) ? names[index] : "\(rawValue)"
    }
}

extension SocketOption where Value == PathMTUDiscovery {
    /// The treatment of packets that are too large for the path to the peer (IP_MTU_DISCOVER).
    public static var pathMTUDiscovery: SocketOption {
        mtuDiscovery("pathMTUDiscovery", .ipMTUDiscovery)
    }

    /// As ``pathMTUDiscovery``, for IPv6 (IPV6_MTU_DISCOVER).
    public static var pathMTUDiscoveryIPv6: SocketOption {
        mtuDiscovery("pathMTUDiscoveryIPv6", .ipv6MTUDiscovery)
    }

    private static func mtuDiscovery(_ name: String, _ option: OptionName) -> SocketOption {
        SocketOption(
            name,
            get: { descriptor throws(Errno) in
                PathMTUDiscovery(rawValue: try OptionCalls.integer(option, on: descriptor))
            },
            set: { descriptor, value throws(Errno) in
                try OptionCalls.set(option, to: value.rawValue, on: descriptor)
            }
        )
    }
}
