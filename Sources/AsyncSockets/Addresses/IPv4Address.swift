/// An IPv4 address.
///
/// In code, write `IPv4Address(192, 0, 2, 1)`; the compiler checks the numbers. Text is parsed by
/// ``init(_:)-(String)``, which throws. There is deliberately no conformance to
/// `ExpressibleByStringLiteral`: with one, Swift would read `try IPv4Address("…")` as the literal,
/// which cannot throw and could only stop the program.
public struct IPv4Address: Hashable, Sendable {
    /// The 32 bits, the first octet in the highest ones (host order).
    public let rawValue: UInt32

    /// Makes an address from its 32 bits, the first octet in the highest ones.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Makes an address from its four octets, in the order in which they are written.
    @inlinable
    public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        rawValue = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
    }

    /// Parses an address written as four decimal numbers: `192.0.2.1`.
    ///
    /// Nothing else is accepted: no short forms, no octal or hexadecimal numbers, no leading zeros
    /// and no white space.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/invalidAddress``; it names the
    ///   fault and its position.
    public init(_ text: String) throws(SocketError) {
        rawValue = try AddressParser.parse(text, as: "an IPv4 address") {
            parser throws(AddressParser.Fault) in
            try parser.ipv4()
        }
    }

    /// The four octets, in the order in which they are written.
    @inlinable
    public var octets: (UInt8, UInt8, UInt8, UInt8) {
        (
            UInt8(truncatingIfNeeded: rawValue >> 24), UInt8(truncatingIfNeeded: rawValue >> 16),
            UInt8(truncatingIfNeeded: rawValue >> 8), UInt8(truncatingIfNeeded: rawValue)
        )
    }
}

extension IPv4Address {
    /// `0.0.0.0`: at bind, every address of the machine.
    @inlinable public static var any: IPv4Address { IPv4Address(0, 0, 0, 0) }

    /// `127.0.0.1`: this machine.
    @inlinable public static var loopback: IPv4Address { IPv4Address(127, 0, 0, 1) }

    /// `255.255.255.255`: every machine on the local network.
    @inlinable public static var broadcast: IPv4Address { IPv4Address(255, 255, 255, 255) }
}

extension IPv4Address {
    /// Whether it is `0.0.0.0`.
    @inlinable public var isUnspecified: Bool { rawValue == 0 }

    /// Whether it lies in `127.0.0.0/8`.
    @inlinable public var isLoopback: Bool { rawValue >> 24 == 127 }

    /// Whether it lies in `169.254.0.0/16`.
    @inlinable public var isLinkLocal: Bool { rawValue >> 16 == 0xa9fe }

    /// Whether it lies in `224.0.0.0/4`.
    @inlinable public var isMulticast: Bool { rawValue >> 28 == 0xe }

    /// Whether it is `255.255.255.255`. A network's own broadcast address depends on the network's
    /// prefix length; see ``NetworkInterface``.
    @inlinable public var isBroadcast: Bool { rawValue == .max }

    /// Whether it lies in one of the private networks `10.0.0.0/8`, `172.16.0.0/12` and
    /// `192.168.0.0/16`.
    @inlinable public var isPrivate: Bool {
        rawValue >> 24 == 10 || rawValue >> 20 == 0xac1 || rawValue >> 16 == 0xc0a8
    }
}

extension IPv4Address: Comparable, CustomStringConvertible {
    /// Orders addresses by their octets, the first one first.
    @inlinable
    public static func < (left: IPv4Address, right: IPv4Address) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The address as ``init(_:)-(String)`` reads it, `192.0.2.1`.
    public var description: String {
        let (a, b, c, d) = octets
        return "\(a).\(b).\(c).\(d)"
    }
}
