internal import SocketSystem

/// Reads the text of addresses, strictly: one text has one meaning, on every machine.
///
/// inet_aton(3) takes `010.1` for 8.0.0.1. One program reads that as octal, another as decimal.
/// Such texts are refused here.
struct AddressParser {
    /// A fault in a text, and its position.
    struct Fault: Error {
        /// The reason, as the end of a sentence that begins with the text.
        let reason: String

        /// The index of the first wrong byte.
        let position: Int

        /// The code of the error that is thrown for the fault.
        var code = SocketError.Code.invalidAddress
    }

    /// The text's UTF-8.
    let bytes: [UInt8]

    /// The index of the next byte to read.
    var position = 0

    /// Parses the whole of `text`.
    static func parse<Value>(
        _ text: String,
        as what: String,
        _ body: (inout AddressParser) throws(Fault) -> Value
    ) throws(SocketError) -> Value {
        var parser = AddressParser(bytes: Array(text.utf8))
        do {
            let value = try body(&parser)
            try parser.expectEnd()
            return value
        } catch {
            let place = "at character \(error.position + 1)"
            throw SocketError(
                .parse,
                code: error.code,
                reason: "\"\(text)\" is not \(what): \(error.reason) \(place)"
            )
        }
    }
}

// MARK: - Characters

extension AddressParser {
    /// The next byte; nil at the end.
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// The next byte, in words for an error's sentence.
    private var nextText: String {
        guard let next else { return "the end" }
        if next == UInt8(ascii: " ") { return "a space" }
        guard next > 0x20, next < 0x7f else { return "a character that no address has" }
        return "'\(Character(Unicode.Scalar(next)))'"
    }

    /// A fault at the next byte.
    func fault(_ reason: String) -> Fault { Fault(reason: reason, position: position) }

    /// A fault at the next byte, because something else should stand there.
    func unexpected(expecting what: String) -> Fault {
        fault("expected \(what), found \(nextText)")
    }

    /// Takes `text` if it comes next.
    mutating func consume(_ text: StaticString) -> Bool {
        let wanted = text.description.utf8
        guard bytes[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    /// Takes `text`, or throws if something else comes next.
    mutating func expect(_ text: StaticString) throws(Fault) {
        guard consume(text) else { throw unexpected(expecting: "'\(text)'") }
    }

    func expectEnd() throws(Fault) {
        guard next == nil else { throw unexpected(expecting: "the end") }
    }

    /// A decimal number without leading zeros.
    mutating func number(upTo limit: UInt32, _ what: String) throws(Fault) -> UInt32 {
        let start = position
        var value: UInt64 = 0
        while let digit = next?.decimalDigit {
            value = value * 10 + UInt64(digit)
            guard value <= limit else {
                throw Fault(reason: "\(what) is greater than \(limit)", position: start)
            }
            position += 1
            if position == start + 2, bytes[start] == UInt8(ascii: "0") {
                throw Fault(reason: "\(what) has a leading zero", position: start)
            }
        }
        guard position > start else { throw unexpected(expecting: what) }
        return UInt32(value)
    }
}

extension UInt8 {
    /// The value of this byte as a decimal digit in ASCII; nil if it is none.
    var decimalDigit: UInt8? {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= self ? self - UInt8(ascii: "0") : nil
    }

    /// The value of this byte as a hexadecimal digit in ASCII, in either case; nil if it is none.
    var hexDigit: UInt8? {
        if let digit = decimalDigit { return digit }
        let lowercased = self | 0x20
        guard UInt8(ascii: "a")...UInt8(ascii: "f") ~= lowercased else { return nil }
        return lowercased - UInt8(ascii: "a") + 10
    }
}

// MARK: - IP addresses

extension AddressParser {
    mutating func ip() throws(Fault) -> IPAddress {
        // Every IPv6 address contains a colon, and no IPv4 address does.
        if bytes[position...].contains(UInt8(ascii: ":")) { return .v6(try ipv6()) }
        return .v4(IPv4Address(rawValue: try ipv4()))
    }

    /// Four decimal numbers.
    mutating func ipv4() throws(Fault) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<4 {
            if index > 0 { try expect(".") }
            value = value << 8 | (try number(upTo: 255, "a number"))
        }
        return value
    }

    /// Eight groups and a zone; `::` can stand for one or more groups.
    mutating func ipv6() throws(Fault) -> IPv6Address {
        let start = position
        var groups: [UInt16] = []
        var gap: (index: Int, position: Int)?
        if consume("::") { gap = (0, start) }
        var mustGoOn = gap == nil
        while mustGoOn || next?.hexDigit != nil {
            let end = try ipv6Group(into: &groups)
            let colon = position
            if !end, consume("::") {
                guard gap == nil else {
                    throw Fault(reason: "'::' stands a second time", position: colon)
                }
                gap = (groups.count, colon)
                mustGoOn = false
            } else {
                mustGoOn = !end && consume(":")
                if !mustGoOn { break }
            }
        }
        if let gap {
            guard groups.count < 8 else {
                throw Fault(reason: "'::' beside eight groups", position: gap.position)
            }
            let zeros = repeatElement(UInt16(0), count: 8 - groups.count)
            groups.insert(contentsOf: zeros, at: gap.index)
        }
        guard groups.count == 8 else {
            throw fault("only \(groups.count) of eight groups")
        }
        return IPv6Address(
            groups[0],
            groups[1],
            groups[2],
            groups[3],
            groups[4],
            groups[5],
            groups[6],
            groups[7],
            zone: try zone()
        )
    }

    /// One group of up to four hexadecimal digits, or an IPv4 address in place of the last two
    /// groups; returns true for an IPv4 address.
    private mutating func ipv6Group(into groups: inout [UInt16]) throws(Fault) -> Bool {
        let start = position
        var value: UInt16 = 0
        while let digit = next?.hexDigit {
            guard position < start + 4 else {
                throw Fault(reason: "a group of more than four digits", position: start)
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        guard position > start else { throw unexpected(expecting: "a hexadecimal number") }
        guard next == UInt8(ascii: ".") else {
            guard groups.count < 8 else {
                throw Fault(reason: "more than eight groups", position: start)
            }
            groups.append(value)
            return false
        }
        guard groups.count <= 6 else {
            throw Fault(reason: "no room for an IPv4 address", position: start)
        }
        position = start
        let ipv4 = try ipv4()
        groups += [UInt16(ipv4 >> 16), UInt16(truncatingIfNeeded: ipv4)]
        return true
    }

    /// `%` and an interface's index or name; 0 if there is no `%`.
    private mutating func zone() throws(Fault) -> UInt32 {
        guard consume("%") else { return 0 }
        let start = position
        let text = bytes[start...].prefix { $0 != UInt8(ascii: "]") }
        guard let name = String(validating: text, as: UTF8.self) else {
            throw fault("an interface's name that is not UTF-8")
        }
        if !text.isEmpty, text.allSatisfy({ $0.decimalDigit != nil }) {
            let index = try number(upTo: .max, "the zone's index")
            guard index > 0 else { throw Fault(reason: "a zone of index 0", position: start) }
            return index
        }
        guard !text.isEmpty else { throw unexpected(expecting: "an interface's name or index") }
        guard let index = try? InterfaceList.index(ofName: name) else {
            throw fault("no interface is named '\(name)',")
        }
        position += text.count
        return index
    }
}
