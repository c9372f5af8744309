// Addresses in configuration files and messages: one string each. `description` writes it and
// `init(_:)` reads it.

extension IPv4Address: Codable {
    /// Reads the text, `192.0.2.1`.
    ///
    /// - Parameter decoder: The source of the text.
    /// - Throws: `DecodingError.dataCorrupted` for a text that is not an address, with a
    ///   description of the fault; the decoder's error if there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try IPv4Address(text) }
    }

    /// Writes the text, `192.0.2.1`.
    ///
    /// - Parameter encoder: The destination of the text.
    /// - Throws: The encoder's error.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension IPv6Address: Codable {
    /// Reads the text, `2001:db8::1`.
    ///
    /// - Parameter decoder: The source of the text.
    /// - Throws: `DecodingError.dataCorrupted` for a text that is not an address, with a
    ///   description of the fault; the decoder's error if there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try IPv6Address(text) }
    }

    /// Writes the text, `2001:db8::1`.
    ///
    /// - Parameter encoder: The destination of the text.
    /// - Throws: The encoder's error.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension IPAddress: Codable {
    /// Reads the text, `192.0.2.1` or `2001:db8::1`.
    ///
    /// - Parameter decoder: The source of the text.
    /// - Throws: `DecodingError.dataCorrupted` for a text that is not an address, with a
    ///   description of the fault; the decoder's error if there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try IPAddress(text) }
    }

    /// Writes the text, `192.0.2.1` or `2001:db8::1`.
    ///
    /// - Parameter encoder: The destination of the text.
    /// - Throws: The encoder's error.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension SocketAddress: Codable {
    /// Reads the text, `192.0.2.1:80` or `unix:/path`.
    ///
    /// - Parameter decoder: The source of the text.
    /// - Throws: `DecodingError.dataCorrupted` for a text that is not an address, with a
    ///   description of the fault; the decoder's error if there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try SocketAddress(text) }
    }

    /// Writes the text, `192.0.2.1:80` or `unix:/path`.
    ///
    /// - Parameter encoder: The destination of the text.
    /// - Throws: The encoder's error.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension HostName: Codable {
    /// Reads the text, `example.org`.
    ///
    /// - Parameter decoder: The source of the text.
    /// - Throws: `DecodingError.dataCorrupted` for a text that is not a name, with a description of
    ///   the fault; the decoder's error if there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try HostName(text) }
    }

    /// Writes the text, `example.org`.
    ///
    /// - Parameter encoder: The destination of the text.
    /// - Throws: The encoder's error.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

/// Decodes a text and parses it.
private func value<Value>(
    from decoder: any Decoder,
    _ parse: (String) throws(SocketError) -> Value
) throws -> Value {
    let text = try String(from: decoder)
    do {
        return try parse(text)
    } catch {
        let context = DecodingError.Context(
            codingPath: decoder.codingPath,
            debugDescription: "\(error)",
            underlyingError: error
        )
        throw DecodingError.dataCorrupted(context)
    }
}
