internal import SocketSystem

// How a socket sends and receives multicast. Membership itself is not an option here.

extension SocketOption where Value == Bool {
    /// Whether datagrams that this socket sends to a group also reach members on this machine
    /// (IP_MULTICAST_LOOP). On by default.
    public static var multicastLoopback: SocketOption {
        flag("multicastLoopback", .ipMulticastLoopback)
    }

    /// As ``multicastLoopback``, for IPv6 (IPV6_MULTICAST_LOOP).
    public static var multicastLoopbackIPv6: SocketOption {
        flag("multicastLoopbackIPv6", .ipv6MulticastLoopback)
    }

    /// Whether the socket receives datagrams to every group that some socket of the machine joined,
    /// instead of only those to its own groups (IP_MULTICAST_ALL).
    public static var multicastAll: SocketOption { flag("multicastAll", .ipMulticastAll) }

    /// As ``multicastAll``, for IPv6 (IPV6_MULTICAST_ALL).
    public static var multicastAllIPv6: SocketOption {
        flag("multicastAllIPv6", .ipv6MulticastAll)
    }
}

extension SocketOption where Value == Int {
    /// The number of routers that a multicast packet may pass, 0...255; the default 1 keeps it on
    /// the link (IP_MULTICAST_TTL).
    public static var multicastTimeToLive: SocketOption {
        integer("multicastTimeToLive", .ipMulticastTimeToLive)
    }

    /// As ``multicastTimeToLive``, for IPv6 (IPV6_MULTICAST_HOPS).
    public static var multicastHopLimit: SocketOption {
        integer("multicastHopLimit", .ipv6MulticastHopLimit)
    }
}

extension SocketOption where Value == UInt32 {
    /// The index of the interface through which multicast is sent; 0 lets the routing table choose
    /// (IP_MULTICAST_IF). Set only: the kernel returns an address, which
    /// ``multicastInterfaceAddress`` reads.
    public static var multicastInterface: SocketOption {
        SocketOption(
            "multicastInterface",
            get: nil,
            set: { descriptor, value throws(Errno) in
                try OptionCalls.setMulticastInterface(index: value, on: descriptor)
            }
        )
    }

    /// The index of the interface through which IPv6 multicast is sent; 0 lets the routing table
    /// choose (IPV6_MULTICAST_IF).
    public static var multicastInterfaceIPv6: SocketOption {
        unsigned("multicastInterfaceIPv6", .ipv6MulticastInterface)
    }
}

extension SocketOption where Value == IPv4Address {
    /// The interface through which multicast is sent, by its own address; `0.0.0.0` lets the
    /// routing table choose (IP_MULTICAST_IF).
    public static var multicastInterfaceAddress: SocketOption {
        SocketOption(
            "multicastInterfaceAddress",
            get: { descriptor throws(Errno) in
                let word = try OptionCalls.get(
                    .ipMulticastInterface,
                    over: UInt32(0),
                    on: descriptor
                )
                return IPv4Address(rawValue: UInt32(bigEndian: word))
            },
            set: { descriptor, value throws(Errno) in
                try OptionCalls.set(
                    .ipMulticastInterface,
                    to: value.rawValue.bigEndian,
                    on: descriptor
                )
            }
        )
    }
}
