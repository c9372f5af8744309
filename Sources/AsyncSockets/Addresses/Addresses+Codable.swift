// Addresses in configuration files and messages: one string each, as `description` writes it and
// `init(_:)` reads it.

extension IPv4Address: Codable {
    /// Reads the text, `192.0.2.1`.
    ///
    /// - Parameter decoder: Where the text comes from.
    /// - Throws: `DecodingError.dataCorrupted` for a text that means none, which says what is wrong
    ///   with it, and what the decoder throws where there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try IPv4Address(text) }
    }

    /// Writes the text, `192.0.2.1`.
    ///
    /// - Parameter encoder: Where the text goes.
    /// - Throws: What the encoder throws.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension IPv6Address: Codable {
    /// Reads the text, `2001:db8::1`.
    ///
    /// - Parameter decoder: Where the text comes from.
    /// - Throws: `DecodingError.dataCorrupted` for a text that means none, which says what is wrong
    ///   with it, and what the decoder throws where there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try IPv6Address(text) }
    }

    /// Writes the text, `2001:db8::1`.
    ///
    /// - Parameter encoder: Where the text goes.
    /// - Throws: What the encoder throws.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension IPAddress: Codable {
    /// Reads the text, `192.0.2.1` or `2001:db8::1`.
    ///
    /// - Parameter decoder: Where the text comes from.
    /// - Throws: `DecodingError.dataCorrupted` for a text that means none, which says what is wrong
    ///   with it, and what the decoder throws where there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try IPAddress(text) }
    }

    /// Writes the text, `192.0.2.1` or `2001:db8::1`.
    ///
    /// - Parameter encoder: Where the text goes.
    /// - Throws: What the encoder throws.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension SocketAddress: Codable {
    /// Reads the text, `192.0.2.1:80` or `unix:/path`.
    ///
    /// - Parameter decoder: Where the text comes from.
    /// - Throws: `DecodingError.dataCorrupted` for a text that means none, which says what is wrong
    ///   with it, and what the decoder throws where there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try SocketAddress(text) }
    }

    /// Writes the text, `192.0.2.1:80` or `unix:/path`.
    ///
    /// - Parameter encoder: Where the text goes.
    /// - Throws: What the encoder throws.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension HostName: Codable {
    /// Reads the text, `example.org`.
    ///
    /// - Parameter decoder: Where the text comes from.
    /// - Throws: `DecodingError.dataCorrupted` for a text that means none, which says what is wrong
    ///   with it, and what the decoder throws where there is no text.
    public init(from decoder: any Decoder) throws {
        self = try value(from: decoder) { text throws(SocketError) in try HostName(text) }
    }

    /// Writes the text, `example.org`.
    ///
    /// - Parameter encoder: Where the text goes.
    /// - Throws: What the encoder throws.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

/// What a text means.
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
