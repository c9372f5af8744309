/// A host's name, such as `example.org`: a valid text, not yet looked up.
///
/// Letters beyond ASCII are allowed; IDNA encodes them when the name is looked up. A final dot
/// makes the name absolute: no search domain of resolv.conf(5) is added.
public struct HostName: Hashable, Sendable, CustomStringConvertible {
    /// The name as it was given.
    public let description: String

    /// Checks a text.
    ///
    /// These are refused: an empty name or label; labels of more than 63 and names of more than 253
    /// bytes; white space, and signs other than `-` and `_`; and names whose last label is a
    /// number. Such a name is a mistyped IP address, and inet_aton(3) would take `127.1` for one.
    ///
    /// - Parameter text: The name.
    /// - Throws: `SocketError` with the code `.invalidName`; it names the fault.
    public init(_ text: String) throws(SocketError) {
        if let fault = Self.fault(in: text) {
            throw SocketError(
                .parse,
                code: .invalidName,
                reason: "\"\(text)\" is not a host name: \(fault)"
            )
        }
        description = text
    }

    /// Whether the name means this machine on every machine: `localhost` and every name below it,
    /// RFC 6761.
    var isLocalhost: Bool {
        let name = description.lowercased()
        let relative = name.hasSuffix(".") ? String(name.dropLast()) : name
        return relative == "localhost" || relative.hasSuffix(".localhost")
    }

    /// The fault in a text; nil if there is none.
    private static func fault(in text: String) -> String? {
        var labels = text.split(separator: ".", omittingEmptySubsequences: false)
        if labels.count > 1, labels.last == "" { labels.removeLast() }
        if text.isEmpty || text == "." { return "it is empty" }
        // IDNA makes other letters longer; the lookup will report it.
        let length = text.utf8.count - (text.hasSuffix(".") ? 1 : 0)
        if length > 253 { return "it has \(length) bytes, 253 are possible" }
        for label in labels {
            if label.isEmpty { return "two dots have nothing between them" }
            if label.utf8.count > 63 {
                return "a label has \(label.utf8.count) bytes, 63 are possible"
            }
            if label.hasPrefix("-") { return "a label begins with a hyphen" }
            if let scalar = label.unicodeScalars.first(where: { !isAllowed($0) }) {
                return "it has \(words(for: scalar)) in it"
            }
        }
        if let last = labels.last, isNumber(last) { return "it ends in a number" }
        return nil
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "-" || scalar == "_" { return true }
        if scalar.isASCII {
            return scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        }
        // IDNA decides exactly. Here only invisible characters and separators are refused.
        switch scalar.properties.generalCategory {
        case .control, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }

    private static func words(for scalar: Unicode.Scalar) -> String {
        switch scalar {
        case " ": "a space"
        case "!"..."~": "'\(scalar)'"
        default: "a character that no name has"
        }
    }

    /// Whether inet_aton(3) would read a label as a number: decimal, octal or hexadecimal.
    private static func isNumber(_ label: Substring) -> Bool {
        if label.hasPrefix("0x") || label.hasPrefix("0X") {
            return label.utf8.dropFirst(2).allSatisfy { $0.hexDigit != nil }
        }
        return label.utf8.allSatisfy { $0.decimalDigit != nil }
    }
}
