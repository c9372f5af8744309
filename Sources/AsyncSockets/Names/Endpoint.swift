internal import SocketSystem

/// A host and a port as a user writes them: literal, or to be looked up.
struct Endpoint: Hashable, Sendable {
    enum Host: Hashable, Sendable {
        case address(SocketAddress)
        case name(HostName)
    }

    enum Port: Hashable, Sendable {
        case number(UInt16)
        /// A name of services(5), such as `https`.
        case service(String)
    }

    /// Whom to look up; the port of an address is the endpoint's own, or 0 beside a service.
    let host: Host
    let port: Port

    private init(host: Host, port: Port) {
        self.host = host
        self.port = port
    }

    /// A name or an IP address, with or without the brackets of IPv6, and a port.
    init(host: String, port: UInt16) throws(SocketError) {
        self.init(host: try Self.host(host, port: port), port: .number(port))
    }

    /// An address as `SocketAddress(_:)` reads it, or a name, a colon and a port or a service.
    init(_ text: String) throws(SocketError) {
        let literal: SocketError
        do {
            let address = try SocketAddress(text)
            self.init(host: .address(address), port: .number(address.port ?? 0))
            return
        } catch {
            literal = error
        }
        // Whatever looks like an address is one, if a wrong one.
        guard let colon = text.lastIndex(of: ":") else {
            throw SocketError(
                .parse,
                code: .invalidAddress,
                reason: "\"\(text)\" is no address: the port is missing"
            )
        }
        let host = text[..<colon]
        let port = text[text.index(after: colon)...]
        if text.hasPrefix("unix:") || Self.endsInNumber(host) { throw literal }
        let isNumber = !port.isEmpty && port.utf8.allSatisfy { $0.decimalDigit != nil }
        if isNumber {
            guard let number = UInt16(port) else {
                throw SocketError(
                    .parse,
                    code: .invalidAddress,
                    reason: "\"\(text)\" is no address: the port is greater than \(UInt16.max)"
                )
            }
            // Here a wrong name says what is wrong with it; one in brackets is a wrong address.
            if host.hasPrefix("[") || host.contains(":") { throw literal }
            self.init(host: .name(try HostName(String(host))), port: .number(number))
            return
        }
        guard Self.isService(port) else {
            throw SocketError(
                .parse,
                code: .invalidAddress,
                reason: "\"\(text)\" is no address: \"\(port)\" is neither a port nor a service"
            )
        }
        if host.contains(":"), !host.hasPrefix("[") { throw literal }
        let parsed = try Self.host(String(host), port: 0)
        self.init(host: parsed, port: .service(String(port)))
    }

    private static func host(_ text: String, port: UInt16) throws(SocketError) -> Host {
        var bare = text[...]
        if bare.hasPrefix("["), bare.hasSuffix("]") { bare = bare.dropFirst().dropLast() }
        do {
            let address = try IPAddress(String(bare))
            if bare.startIndex == text.startIndex || address.version == .v6 {
                return .address(SocketAddress(address, port: port))
            }
        } catch {
            if text.contains(":") || endsInNumber(bare) { throw error }
        }
        return .name(try HostName(text))
    }

    /// Whether the last label is a number, as in IPv4 addresses and in no name.
    private static func endsInNumber(_ host: Substring) -> Bool {
        guard let last = host.split(separator: ".").last else { return false }
        return last.utf8.allSatisfy { $0.decimalDigit != nil }
    }

    /// Service names have letters, digits and signs that stand in services(5).
    private static func isService(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                byte.decimalDigit != nil || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
                    || "-_+./".utf8.contains(byte)
            }
    }
}

extension IPAddress {
    /// The two versions of IP.
    public enum Version: Hashable, Sendable, CaseIterable, CustomStringConvertible {
        /// IPv4.
        case v4
        /// IPv6.
        case v6

        /// `IPv4` or `IPv6`.
        public var description: String { self == .v4 ? "IPv4" : "IPv6" }

        /// The other one.
        var other: Version { self == .v4 ? .v6 : .v4 }
    }

    /// Which version the address is of.
    public var version: Version {
        switch self {
        case .v4: .v4
        case .v6: .v6
        }
    }
}
