/// A name as the DNS has it, RFC 1035, section 3.1: labels with their lengths, in lower case.
struct DNSName: Hashable, Sendable {
    /// The labels, each behind its length, and a zero: at most 255 bytes.
    let bytes: [UInt8]

    /// The limits of the RFC, section 2.3.4.
    private static let (longestLabel, longestName) = (63, 255)

    /// An absolute name in ASCII, such as `example.org`; nil if it is too long for the DNS.
    init?(_ text: String) {
        var bytes: [UInt8] = []
        let dot = UInt8(ascii: ".")
        for label in text.utf8.split(separator: dot, omittingEmptySubsequences: false) {
            guard (1...Self.longestLabel).contains(label.count) else { return nil }
            bytes.append(UInt8(label.count))
            bytes += label.map(\.lowercasedASCII)
        }
        bytes.append(0)
        if bytes.count > Self.longestName { return nil }
        self.bytes = bytes
    }

    /// The name at the reader's place, which moves behind it; nil if there is none.
    fileprivate init?(_ reader: inout DNSReader) {
        var (bytes, position) = ([UInt8](), reader.position)
        var end: Int?
        // A pointer leads to what stands before: so pointers cannot go in a circle.
        var limit = position
        while let length = reader.byte(at: position) {
            switch length >> 6 {
            case 0:
                guard let label = reader.bytes(position + 1, Int(length)) else { return nil }
                bytes.append(length)
                bytes += label.map(\.lowercasedASCII)
                if bytes.count > Self.longestName { return nil }
                position += 1 + Int(length)
                guard length == 0 else { continue }
                reader.position = end ?? position
                self.bytes = bytes
                return
            case 3:
                guard let low = reader.byte(at: position + 1) else { return nil }
                let target = Int(length & 0x3f) << 8 | Int(low)
                guard target < limit else { return nil }
                end = end ?? position + 2
                (position, limit) = (target, target)
            default: return nil
            }
        }
        return nil
    }
}

/// A question for a host's addresses of one version.
struct DNSQuestion: Hashable, Sendable {
    let name: DNSName
    let version: IPAddress.Version

    /// The number of the record type: A of RFC 1035, AAAA of RFC 3596.
    fileprivate var type: UInt16 { version == .v4 ? 1 : 28 }
    fileprivate static let (internet, alias, options): (UInt16, UInt16, UInt16) = (1, 5, 41)

    /// The message that asks it, RFC 1035, section 4.
    ///
    /// - Parameters:
    ///   - id: The number that the answer will bear.
    ///   - isExtended: Whether to tell the server that there is room for more than 512 bytes, EDNS
    ///     of RFC 6891. Some old servers do not understand such a question.
    /// - Returns: The message.
    func message(id: UInt16, isExtended: Bool) -> [UInt8] {
        // Recursion is desired.
        let header: [UInt16] = [id, 0x0100, 1, 0, 0, isExtended ? 1 : 0]
        var bytes = header.flatMap(\.octets) + name.bytes + type.octets + Self.internet.octets
        // The root's name, the type, the room in place of a class, and no time to live nor data.
        if isExtended {
            bytes += [0] + Self.options.octets + (1232 as UInt16).octets + [0, 0, 0, 0, 0, 0]
        }
        return bytes
    }
}

/// What a name server says to a question.
enum DNSReply: Hashable, Sendable {
    /// The addresses of the name, or of the one that it is an alias of; none if it has none.
    case addresses([IPAddress])
    /// Nothing has this name (NXDOMAIN).
    case noSuchName
    /// The answer is too long for a datagram.
    case truncated
    /// The server cannot or will not say, or says nonsense.
    case refused
    /// The server does not understand the question; a plainer one may help (FORMERR, NOTIMP).
    case notUnderstood

    /// Reads a message; nil if it is no answer to the question with this number.
    init?(_ message: [UInt8], to question: DNSQuestion, id: UInt16) {
        var reader = DNSReader(message)
        guard reader.number() == id, let flags = reader.number(), let questions = reader.number(),
            let answers = reader.number(), reader.number() != nil, let extras = reader.number(),
            // An answer to an ordinary question.
            flags & 0xf800 == 0x8000
        else { return nil }
        let code = flags & 0xf
        // A server that cannot read a question does not repeat it.
        if questions == 0, code != 0 {
            self = code == 1 || code == 4 ? .notUnderstood : .refused
            return
        }
        guard questions == 1, DNSName(&reader) == question.name, reader.number() == question.type,
            reader.number() == DNSQuestion.internet
        else { return nil }
        let isAuthoritativeOrAsksOthers = flags & 0x0480 != 0
        switch code {
        case 1, 4: self = .notUnderstood
        case 3: self = .noSuchName
        case 0 where flags & 0x0200 != 0: self = .truncated
        // A server that knows nothing of the zone, and would have to ask another.
        case 0 where !isAuthoritativeOrAsksOthers && answers + extras == 0: self = .refused
        case 0:
            let found = Self.addresses(answers, &reader, question)
            self = found.map { .addresses($0) } ?? .refused
        default: self = .refused
        }
    }

    /// The addresses among the answers, by way of the aliases; nil if there are not as many answers
    /// as the message says.
    private static func addresses(
        _ count: UInt16,
        _ reader: inout DNSReader,
        _ question: DNSQuestion
    ) -> [IPAddress]? {
        var aliases: [DNSName: DNSName] = [:]
        var addresses: [(owner: DNSName, ip: IPAddress)] = []
        for _ in 0..<count {
            guard let owner = DNSName(&reader), let type = reader.number(),
                let kind = reader.number(), reader.number() != nil, reader.number() != nil,
                let length = reader.number(), let data = reader.bytes(reader.position, Int(length))
            else { return nil }
            let end = reader.position + Int(length)
            if kind == DNSQuestion.internet, type == DNSQuestion.alias {
                guard let target = DNSName(&reader), reader.position == end else { return nil }
                aliases[owner] = target
            } else if kind == DNSQuestion.internet, type == question.type {
                guard let ip = IPAddress(data, question.version) else { return nil }
                addresses.append((owner, ip))
            }
            reader.position = end
        }
        var name = question.name
        // Aliases may go in a circle.
        for _ in 0..<16 { name = aliases[name] ?? name }
        return addresses.filter { $0.owner == name }.map(\.ip)
    }
}

/// Reads a message byte by byte; what stands behind its end is nil.
private struct DNSReader {
    private let message: [UInt8]
    var position = 0

    init(_ message: [UInt8]) { self.message = message }

    func byte(at position: Int) -> UInt8? {
        message.indices.contains(position) ? message[position] : nil
    }

    func bytes(_ start: Int, _ count: Int) -> ArraySlice<UInt8>? {
        start + count <= message.count ? message[start..<start + count] : nil
    }

    mutating func number() -> UInt16? {
        guard let high = byte(at: position), let low = byte(at: position + 1) else { return nil }
        position += 2
        return UInt16(high) << 8 | UInt16(low)
    }
}

extension IPAddress {
    /// The address in a record's data; nil if that has another length.
    fileprivate init?(_ data: ArraySlice<UInt8>, _ version: Version) {
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
            bytes.reduce(0) { $0 << 8 | UInt64($1) }
        }
        switch (version, data.count) {
        case (.v4, 4): self = .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: number(data))))
        case (.v6, 16):
            self = .v6(IPv6Address(high: number(data.prefix(8)), low: number(data.suffix(8))))
        default: return nil
        }
    }
}

extension UInt16 {
    /// Its two bytes in the order of the network.
    var octets: [UInt8] { [UInt8(self >> 8), UInt8(truncatingIfNeeded: self)] }
}

extension UInt8 {
    fileprivate var lowercasedASCII: UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= self ? self | 0x20 : self
    }
}
