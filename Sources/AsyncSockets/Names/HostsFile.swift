/// The names of hosts(5).
struct HostsFile: Sendable {
    /// The addresses by name, in lower case; within a name in the file's order.
    private var addresses: [String: [IPAddress]] = [:]

    /// Reads a file as the C library does.
    ///
    /// - Parameters:
    ///   - bytes: The file. A line that does not begin with an address is nobody's.
    ///   - takesAllLines: Whether a name has the addresses of all its lines (`multi` of
    ///     host.conf(5)), and not of the first one only.
    init(_ bytes: [UInt8], takesAllLines: Bool) {
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.prefix { $0 != UInt8(ascii: "#") }.split(whereSeparator: \.isSpace)
                .map { String(decoding: $0, as: UTF8.self) }
            // The C library takes no zone here.
            guard fields.count > 1, !fields[0].contains("%"), let ip = try? IPAddress(fields[0])
            else { continue }
            for name in Set(fields.dropFirst().map { $0.lowercased() }) {
                let known = addresses[name] ?? []
                if known.isEmpty || takesAllLines && !known.contains(ip) {
                    addresses[name] = known + [ip]
                }
            }
        }
    }

    /// The addresses of a name, of both versions; nil if the file does not have the name. A final
    /// dot is part of the name.
    subscript(name: String) -> [IPAddress]? { addresses[name.lowercased()] }
}

extension UInt8 {
    /// White space within a line: a space, a tab, and the control characters beside it.
    var isSpace: Bool { self == UInt8(ascii: " ") || 9...13 ~= self }
}
