internal import SocketSystem

/// A host and a port as a user writes them. The host is an address, or a name to be looked up.
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

    /// The host; the port of an address is the endpoint's own, or 0 if a service is given.
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

    /// An address in the form of `SocketAddress(_:)`, or a name, a colon and a port or a service.
    init(_ text: String) throws(SocketError) {
        let literal: SocketError
        do {
            let address = try SocketAddress(text)
            self.init(host: .address(address), port: .number(address.port ?? 0))
            return
        } catch {
            literal = error
        }
        if text.hasPrefix("unix:") { throw literal }
        guard let colon = text.lastIndex(of: ":") else {
            throw Self.fault(in: text, "the port is missing")
        }
        let (host, port) = (text[..<colon], text[text.index(after: colon)...])
        let isBracketed = host.hasPrefix("[")
        if host.contains(":"), !isBracketed { throw literal }
        if Self.isService(port) {
            let parsed = try Self.host(String(host), port: 0)
            self.init(host: parsed, port: .service(String(port)))
            return
        }
        // A text that looks like an address is one, even if a wrong one.
        if isBracketed || Self.endsInNumber(host) { throw literal }
        guard !port.isEmpty, port.utf8.allSatisfy({ $0.decimalDigit != nil }) else {
            throw Self.fault(in: text, "\"\(port)\" is neither a port nor a service")
        }
        guard let number = UInt16(port) else {
            throw Self.fault(in: text, "the port is greater than \(UInt16.max)")
        }
        self.init(host: .name(try HostName(String(host))), port: .number(number))
    }

    private static func fault(in text: String, _ fault: String) -> SocketError {
        SocketError(
            .parse,
            code: .invalidAddress,
            reason: "\"\(text)\" is no address: \(fault)"
        )
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

    /// Service names begin with a letter or a digit, and contain a letter.
    private static func isService(_ text: Substring) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool {
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
        }
        guard let first = text.utf8.first, isLetter(first) || first.decimalDigit != nil else {
            return false
        }
        return text.utf8.contains(where: isLetter)
            && text.utf8.allSatisfy { byte in
                isLetter(byte) || byte.decimalDigit != nil || "-_+./".utf8.contains(byte)
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

    /// The version of the address.
    public var version: Version {
        switch self {
        case .v4: .v4
        case .v6: .v6
        }
    }
}
