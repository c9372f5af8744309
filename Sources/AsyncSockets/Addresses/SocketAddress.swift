internal import SocketSystem

/// The address of a socket or a peer: an IP address and a port, or a Unix socket's name.
///
/// In code: `.ipv4(.loopback, port: 80)`, `.ipv6(.any, port: 0)`, `try .unix(path: "/run/x")`. From
/// text: ``init(_:)``, which throws. ``IPv4Address`` explains why a string literal is not accepted.
public struct SocketAddress: Hashable, Sendable {
    /// The parts of the address: 27 bytes, and a reference for Unix names only. Every connection
    /// keeps two addresses, and every datagram carries one.
    enum Parts: Hashable, Sendable {
        case ipv4(IPv4Address, port: UInt16)
        case ipv6(IPv6Address, flowInfo: UInt32, port: UInt16)
        /// The name as unix(7) encodes it: a path, a zero byte and an abstract name, or nothing.
        case unix([UInt8])
        /// An address of a family that this library has no name for, from an adopted descriptor.
        case other(AddressStorageBox)
    }

    let parts: Parts

    init(parts: Parts) { self.parts = parts }

    /// Parses the text of an address: `127.0.0.1:80`, `[::1]:80`, `[fe80::1%lo]:80`, `unix:/path`,
    /// `unix:@abstract`, and `unix:` for an unnamed socket.
    ///
    /// IP addresses are read as strictly as by ``IPv4Address`` and ``IPv6Address``, and the port is
    /// required. In the name of a Unix socket `\xNN` is the byte with that hexadecimal number and
    /// `\\` is a backslash; ``unix(path:)`` takes a path as it is. Host names are not resolved
    /// here.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/invalidAddress``, or
    ///   ``SocketError/Code/nameTooLong`` for a Unix socket's name; it names the fault and its
    ///   position.
    public init(_ text: String) throws(SocketError) {
        self = try AddressParser.parse(text, as: "a socket address") {
            parser throws(AddressParser.Fault) in
            try parser.socketAddress()
        }
    }

    /// An IP address of either version, and a port.
    public init(_ address: IPAddress, port: UInt16) {
        switch address {
        case .v4(let address): parts = .ipv4(address, port: port)
        case .v6(let address): parts = .ipv6(address, flowInfo: 0, port: port)
        }
    }

    /// An IPv4 address and a port; at bind, port 0 lets the kernel choose one.
    public static func ipv4(_ address: IPv4Address, port: UInt16) -> SocketAddress {
        SocketAddress(parts: .ipv4(address, port: port))
    }

    /// An IPv6 address and a port; at bind, port 0 lets the kernel choose one.
    ///
    /// `flowInfo` holds the traffic class and flow label of RFC 3493; 0 is right for most programs.
    public static func ipv6(
        _ address: IPv6Address,
        port: UInt16,
        flowInfo: UInt32 = 0
    ) -> SocketAddress {
        SocketAddress(parts: .ipv6(address, flowInfo: flowInfo, port: port))
    }
}

// MARK: - Unix

extension SocketAddress {
    /// A Unix socket's path, taken as it is, of at most 108 bytes.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/nameTooLong`` for a longer path,
    ///   which is never cut; ``SocketError/Code/invalidAddress`` for an empty path or one with a
    ///   zero byte.
    public static func unix(path: String) throws(SocketError) -> SocketAddress {
        try unix(path: Array(path.utf8))
    }

    /// A Unix socket's path of any bytes; otherwise as ``unix(path:)-(String)``.
    public static func unix(path: [UInt8]) throws(SocketError) -> SocketAddress {
        guard !path.isEmpty else {
            throw SocketError(
                .parse,
                code: .invalidAddress,
                reason: "a Unix socket's path is empty"
            )
        }
        guard !path.contains(0) else {
            throw SocketError(
                .parse,
                code: .invalidAddress,
                reason: "a Unix socket's path has a zero byte at character \(path.firstZero + 1)"
            )
        }
        return try named(path)
    }

    /// A name in Linux's abstract namespace, of at most 107 bytes; there is no file for it.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/nameTooLong`` for a longer name.
    public static func unix(abstract name: String) throws(SocketError) -> SocketAddress {
        try unix(abstract: Array(name.utf8))
    }

    /// An abstract name of any bytes; otherwise as ``unix(abstract:)-(String)``.
    public static func unix(abstract name: [UInt8]) throws(SocketError) -> SocketAddress {
        try named([0] + name)
    }

    /// No name: the address of a Unix socket that was not bound. At bind, the kernel chooses an
    /// abstract name ("autobind").
    public static var unixUnnamed: SocketAddress { SocketAddress(parts: .unix([])) }

    private static func named(_ name: [UInt8]) throws(SocketError) -> SocketAddress {
        guard name.count <= AddressStorage.unixNameCapacity else {
            let excess = name.first == 0 ? 1 : 0
            throw SocketError(
                .parse,
                code: .nameTooLong,
                reason: "a Unix socket's name has \(name.count - excess) bytes, "
                    + "\(AddressStorage.unixNameCapacity - excess) are possible"
            )
        }
        return SocketAddress(parts: .unix(name))
    }
}

extension [UInt8] {
    fileprivate var firstZero: Int { firstIndex(of: 0) ?? 0 }
}

// MARK: - Parts

extension SocketAddress {
    /// An address family.
    public struct Family: Hashable, Sendable, CustomStringConvertible {
        /// The kernel's number, `AF_INET` and its like.
        public let rawValue: CInt

        /// IPv4, `AF_INET`.
        public static let ipv4 = Family(rawValue: 2)

        /// IPv6, `AF_INET6`.
        public static let ipv6 = Family(rawValue: 10)

        /// Unix, `AF_UNIX`.
        public static let unix = Family(rawValue: 1)

        /// `IPv4`, `IPv6`, `Unix`, or the number.
        public var description: String {
            switch self {
            case .ipv4: "IPv4"
            case .ipv6: "IPv6"
            case .unix: "Unix"
            default: "family \(rawValue)"
            }
        }
    }

    /// The address family.
    public var family: Family {
        switch parts {
        case .ipv4: .ipv4
        case .ipv6: .ipv6
        case .unix: .unix
        case .other(let box): Family(rawValue: box.storage.family)
        }
    }

    /// The IP address; nil for a Unix socket's address.
    public var ip: IPAddress? {
        switch parts {
        case .ipv4(let address, _): .v4(address)
        case .ipv6(let address, _, _): .v6(address)
        case .unix, .other: nil
        }
    }

    /// The port; nil for a Unix socket's address.
    public var port: UInt16? {
        switch parts {
        case .ipv4(_, let port), .ipv6(_, _, let port): port
        case .unix, .other: nil
        }
    }

    /// Returns the same IP address with another port; a Unix socket's address is returned
    /// unchanged.
    public func withPort(_ port: UInt16) -> SocketAddress {
        switch parts {
        case .ipv4(let address, _): .ipv4(address, port: port)
        case .ipv6(let address, let flowInfo, _): .ipv6(address, port: port, flowInfo: flowInfo)
        case .unix, .other: self
        }
    }

    /// The same address with an IPv4-mapped IP address (`[::ffff:192.0.2.1]:80`) replaced by the
    /// IPv4 address that it stands for; every other address unchanged.
    ///
    /// A socket that is bound to `[::]` serves both versions of IP, and shows IPv4 peers under
    /// mapped addresses. Those are not equal to the IPv4 addresses: compare, and use as keys, this.
    public var unmapped: SocketAddress {
        guard case .ipv6(let address, _, let port) = parts, let ipv4 = address.ipv4 else {
            return self
        }
        return .ipv4(ipv4, port: port)
    }

    /// A Unix socket's path; nil for another address, and for a path that is not UTF-8.
    /// ``unixPathBytes`` has such a path.
    public var unixPath: String? {
        unixPathBytes.flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// A Unix socket's path as the kernel has it; nil for another address.
    public var unixPathBytes: [UInt8]? {
        guard case .unix(let name) = parts, let first = name.first, first != 0 else { return nil }
        return name
    }

    /// A Unix socket's abstract name, without the zero byte before it; nil for another address.
    public var unixAbstractName: [UInt8]? {
        guard case .unix(let name) = parts, name.first == 0 else { return nil }
        return Array(name.dropFirst())
    }

    /// Whether it is the address of a Unix socket without a name.
    public var isUnixUnnamed: Bool { self == .unixUnnamed }
}

// MARK: - The kernel's form

extension SocketAddress {
    /// The address in the form that system calls take.
    var storage: AddressStorage {
        switch parts {
        case .ipv4(let address, let port):
            AddressStorage(ipv4: address.rawValue, port: port)
        case .ipv6(let address, let flowInfo, let port):
            AddressStorage(
                ipv6: address.high,
                address.low,
                port: port,
                flowInfo: flowInfo,
                scope: address.zone
            )
        case .unix(let name):
            AddressStorage(checkedUnixName: name)
        case .other(let box):
            box.storage
        }
    }

    /// Makes an address from a system call's result; nil if the call left no address.
    init?(_ storage: borrowing AddressStorage) {
        if let (address, port) = storage.ipv4 {
            parts = .ipv4(IPv4Address(rawValue: address), port: port)
        } else if let ipv6 = storage.ipv6 {
            let address = IPv6Address(high: ipv6.high, low: ipv6.low, zone: ipv6.scope)
            parts = .ipv6(address, flowInfo: ipv6.flowInfo, port: ipv6.port)
        } else if let name = storage.unixName {
            parts = .unix(name)
        } else if storage.family != 0 {
            parts = .other(AddressStorageBox(copy storage))
        } else {
            return nil
        }
    }
}

/// A box that keeps the large form of an address on the heap.
final class AddressStorageBox: Hashable, Sendable {
    let storage: AddressStorage

    init(_ storage: AddressStorage) { self.storage = storage }

    static func == (left: AddressStorageBox, right: AddressStorageBox) -> Bool {
        left.storage == right.storage
    }

    func hash(into hasher: inout Hasher) { hasher.combine(storage) }
}
