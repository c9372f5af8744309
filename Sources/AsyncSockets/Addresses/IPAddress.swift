/// An IP address of either version.
public enum IPAddress: Hashable, Sendable {
    /// An IPv4 address.
    case v4(IPv4Address)

    /// An IPv6 address.
    case v6(IPv6Address)

    /// Parses an address of either version, as ``IPv4Address`` and ``IPv6Address`` do. An IPv6
    /// address is written without brackets.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/invalidAddress``; it names the
    ///   fault and its position.
    public init(_ text: String) throws(SocketError) {
        self = try AddressParser.parse(text, as: "an IP address") {
            parser throws(AddressParser.Fault) in
            try parser.ip()
        }
    }
}

extension IPAddress {
    /// Whether it is `0.0.0.0` or `::`. At bind, they mean every address of the machine.
    public var isUnspecified: Bool {
        switch self {
        case .v4(let address): address.isUnspecified
        case .v6(let address): address.isUnspecified
        }
    }

    /// Whether it is a loopback address: `127.0.0.0/8`, `::1` or `::ffff:127.0.0.0/104`.
    public var isLoopback: Bool {
        switch self {
        case .v4(let address): address.isLoopback
        case .v6(let address): address.isLoopback || address.ipv4?.isLoopback == true
        }
    }

    /// Whether it is valid on one link only: `169.254.0.0/16` or `fe80::/10`.
    public var isLinkLocal: Bool {
        switch self {
        case .v4(let address): address.isLinkLocal
        case .v6(let address): address.isLinkLocal
        }
    }

    /// Whether it is a multicast group: `224.0.0.0/4` or `ff00::/8`.
    public var isMulticast: Bool {
        switch self {
        case .v4(let address): address.isMulticast
        case .v6(let address): address.isMulticast
        }
    }

    /// Whether it is `255.255.255.255`. IPv6 has no broadcast.
    public var isBroadcast: Bool {
        switch self {
        case .v4(let address): address.isBroadcast
        case .v6: false
        }
    }

    /// The IPv4 address that an IPv4-mapped address (`::ffff:192.0.2.1`) stands for; every other
    /// address unchanged.
    public var unmapped: IPAddress {
        if case .v6(let address) = self, let ipv4 = address.ipv4 { return .v4(ipv4) }
        return self
    }
}

extension IPAddress: Comparable, CustomStringConvertible {
    /// Orders IPv4 addresses before IPv6 addresses.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        switch (left, right) {
        case (.v4(let left), .v4(let right)): left < right
        case (.v6(let left), .v6(let right)): left < right
        case (.v4, .v6): true
        case (.v6, .v4): false
        }
    }

    /// The address as ``init(_:)`` reads it.
    public var description: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): address.description
        }
    }
}
