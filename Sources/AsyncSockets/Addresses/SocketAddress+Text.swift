internal import SocketSystem

// Both directions of one notation are in this file: `SocketAddress(_:)` reads the text that
// `description` writes, and gets the same address.

extension SocketAddress: CustomStringConvertible {
    /// The address as ``init(_:)`` reads it: `127.0.0.1:80`, `[::1]:80`, `unix:/path`,
    /// `unix:@abstract`; `unix:` for an unnamed socket.
    ///
    /// Bytes of a Unix socket's name that cannot be printed are written `\xNN`.
    public var description: String {
        switch parts {
        case .ipv4(let address, let port): "\(address):\(port)"
        case .ipv6(let address, _, let port): "[\(address)]:\(port)"
        case .unix(let name): "unix:" + Self.escaped(name)
        case .other(let box): "\(family) of \(box.storage.length) bytes"
        }
    }

    private static func escaped(_ name: [UInt8]) -> String {
        if name.first == 0 { return "@" + escaped(name.dropFirst()) }
        let text = escaped(name[...])
        // A relative path that begins with the sign of abstract names.
        return name.first == UInt8(ascii: "@") ? #"\x40"# + text.dropFirst() : text
    }

    private static func escaped(_ name: ArraySlice<UInt8>) -> String {
        guard let text = String(validating: name, as: UTF8.self) else {
            return name.map { $0 < 0x80 ? escaped(Unicode.Scalar($0)) : hex($0) }.joined()
        }
        return text.unicodeScalars.map(escaped).joined()
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        if scalar == #"\"# { return #"\\"# }
        return scalar.isPrintable ? String(scalar) : String(scalar).utf8.map(hex).joined()
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return (byte < 16 ? #"\x0"# : #"\x"#) + digits
    }
}

extension AddressParser {
    mutating func socketAddress() throws(Fault) -> SocketAddress {
        if consume("unix:") { return try unixAddress() }
        let start = position
        let address: IPAddress
        if consume("[") {
            address = .v6(try ipv6())
            try expect("]")
        } else if bytes.count(where: { $0 == UInt8(ascii: ":") }) > 1 {
            throw fault("an IPv6 address stands in brackets, [::1]:80,")
        } else {
            guard next?.decimalDigit != nil else {
                throw unexpected(expecting: "an IP address, not a name")
            }
            address = .v4(IPv4Address(rawValue: try ipv4()))
        }
        guard next != nil, position > start else {
            throw fault("the port is missing")
        }
        try expect(":")
        let port = try number(upTo: UInt32(UInt16.max), "the port")
        return SocketAddress(address, port: UInt16(port))
    }

    /// The text after `unix:`.
    private mutating func unixAddress() throws(Fault) -> SocketAddress {
        guard next != nil else { return .unixUnnamed }
        let start = position
        var name: [UInt8] = consume("@") ? [0] : []
        let isAbstract = !name.isEmpty
        while let byte = next {
            let here = position
            let byte = byte == UInt8(ascii: #"\"#) ? try escapedByte() : byte
            guard isAbstract || byte != 0 else {
                throw Fault(reason: "a zero byte in a path", position: here)
            }
            if position == here { position += 1 }
            name.append(byte)
        }
        guard name.count <= AddressStorage.unixNameCapacity else {
            let uncounted = isAbstract ? 1 : 0
            throw Fault(
                reason: "a Unix socket's name of \(name.count - uncounted) bytes where "
                    + "\(AddressStorage.unixNameCapacity - uncounted) are possible,",
                position: start,
                code: .nameTooLong
            )
        }
        return SocketAddress(parts: .unix(name))
    }

    /// A backslash and the characters after it.
    private mutating func escapedByte() throws(Fault) -> UInt8 {
        if consume(#"\\"#) { return UInt8(ascii: #"\"#) }
        if bytes.count - position >= 4, bytes[position + 1] == UInt8(ascii: "x"),
            let high = bytes[position + 2].hexDigit, let low = bytes[position + 3].hexDigit
        {
            position += 4
            return high << 4 | low
        }
        throw fault(#"a backslash that begins neither \\ nor \xNN,"#)
    }
}
