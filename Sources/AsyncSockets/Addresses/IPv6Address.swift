internal import SocketSystem

/// An IPv6 address, with a zone index if it has one.
///
/// In code, write `IPv6Address(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)`; the compiler checks the numbers.
/// Text is parsed by ``init(_:)``, which throws. ``IPv4Address`` explains why a string literal is
/// not accepted.
public struct IPv6Address: Hashable, Sendable {
    /// The first 64 bits, the first group in the highest ones (host order).
    public let high: UInt64

    /// The last 64 bits.
    public let low: UInt64

    /// The index of the network interface whose link the address belongs to; 0 for none.
    ///
    /// A link-local address needs one: every link has its own `fe80::1`.
    public let zone: UInt32

    /// Makes an address from its two halves in host order.
    @inlinable
    public init(high: UInt64, low: UInt64, zone: UInt32 = 0) {
        self.high = high
        self.low = low
        self.zone = zone
    }

    /// Makes an address from its eight groups, in the order in which they are written.
    @inlinable
    public init(
        _ a: UInt16,
        _ b: UInt16,
        _ c: UInt16,
        _ d: UInt16,
        _ e: UInt16,
        _ f: UInt16,
        _ g: UInt16,
        _ h: UInt16,
        zone: UInt32 = 0
    ) {
        self.init(high: Self.half(a, b, c, d), low: Self.half(e, f, g, h), zone: zone)
    }

    /// Makes the IPv4-mapped address `::ffff:a.b.c.d`. IPv6 sockets see IPv4 peers under such
    /// addresses.
    @inlinable
    public init(mapping address: IPv4Address) {
        self.init(high: 0, low: 0xffff << 32 | UInt64(address.rawValue))
    }

    /// Parses an address as RFC 4291 writes it: `2001:db8::1`, `::ffff:192.0.2.1`, `fe80::1%lo`.
    ///
    /// The zone after the percent sign is an interface's index or its name. A name is looked up
    /// now. Groups have at most four digits; the IPv4 part is as strict as in ``IPv4Address``.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/invalidAddress``; it names the
    ///   fault and its position.
    public init(_ text: String) throws(SocketError) {
        self = try AddressParser.parse(text, as: "an IPv6 address") {
            parser throws(AddressParser.Fault) in
            try parser.ipv6()
        }
    }

    /// Returns the same address on the link of another interface; 0 for none.
    @inlinable
    public func inZone(_ index: UInt32) -> IPv6Address {
        IPv6Address(high: high, low: low, zone: index)
    }

    /// The eight groups, in the order in which they are written.
    public var groups: [UInt16] {
        [high, low].flatMap { half in
            [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: half >> $0) }
        }
    }

    @usableFromInline
    static func half(_ a: UInt16, _ b: UInt16, _ c: UInt16, _ d: UInt16) -> UInt64 {
        UInt64(a) << 48 | UInt64(b) << 32 | UInt64(c) << 16 | UInt64(d)
    }
}

extension IPv6Address {
    /// `::`: at bind, every address of the machine.
    @inlinable public static var any: IPv6Address { IPv6Address(high: 0, low: 0) }

    /// `::1`: this machine.
    @inlinable public static var loopback: IPv6Address { IPv6Address(high: 0, low: 1) }
}

extension IPv6Address {
    /// Whether it is `::`.
    @inlinable public var isUnspecified: Bool { high == 0 && low == 0 }

    /// Whether it is `::1`.
    @inlinable public var isLoopback: Bool { high == 0 && low == 1 }

    /// Whether it is unicast and lies in `fe80::/10`.
    @inlinable public var isLinkLocal: Bool { high >> 54 == 0x3fa }

    /// Whether it lies in `ff00::/8`.
    @inlinable public var isMulticast: Bool { high >> 56 == 0xff }

    /// Whether it is multicast to one interface or one link (`ffx1::/16`, `ffx2::/16`). Such an
    /// address needs a zone or an interface.
    @inlinable public var isLinkLocalMulticast: Bool {
        isMulticast && (1...2).contains(high >> 48 & 0xf)
    }

    /// Whether it lies in the private networks `fc00::/7`.
    @inlinable public var isUniqueLocal: Bool { high >> 57 == 0x7e }

    /// Whether it stands for an IPv4 address: `::ffff:0:0/96`.
    @inlinable public var isIPv4Mapped: Bool { high == 0 && low >> 32 == 0xffff }

    /// The IPv4 address that it stands for; nil if it is not IPv4-mapped.
    @inlinable public var ipv4: IPv4Address? {
        isIPv4Mapped ? IPv4Address(rawValue: UInt32(truncatingIfNeeded: low)) : nil
    }
}

extension IPv6Address: Comparable, CustomStringConvertible {
    /// Orders addresses by their groups, the first one first, and then by zone.
    @inlinable
    public static func < (left: IPv6Address, right: IPv6Address) -> Bool {
        (left.high, left.low, left.zone) < (right.high, right.low, right.zone)
    }

    /// The address in the one form of RFC 5952, with its zone: `fe80::1%lo`.
    ///
    /// The zone is the interface's name if there is an interface of that index, else the number.
    public var description: String {
        zone == 0 ? textWithoutZone : "\(textWithoutZone)%\(zoneText)"
    }

    /// The zone as an interface's name, or as the index if no name can stand for it.
    private var zoneText: String {
        guard let name = InterfaceList.name(ofIndex: zone),
            !name.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            !name.utf8.contains(UInt8(ascii: "]"))
        else { return "\(zone)" }
        return name
    }

    private var textWithoutZone: String {
        if let ipv4 { return "::ffff:\(ipv4)" }
        let groups = groups
        guard let gap = Self.longestZeroRun(in: groups) else { return Self.joined(groups[...]) }
        return Self.joined(groups[..<gap.lowerBound]) + "::"
            + Self.joined(groups[gap.upperBound...])
    }

    private static func joined(_ groups: ArraySlice<UInt16>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// The groups that `::` replaces: the first of the longest runs of zeros. A single group is not
    /// replaced.
    private static func longestZeroRun(in groups: [UInt16]) -> Range<Int>? {
        var longest = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 { start = index + 1 }
            if index + 1 - start > longest.count { longest = start..<index + 1 }
        }
        return longest.count > 1 ? longest : nil
    }
}
