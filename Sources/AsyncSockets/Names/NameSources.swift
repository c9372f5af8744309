/// Where this machine looks for hosts, in order: the `hosts` line of nsswitch.conf(5).
struct NameSources: Hashable, Sendable {
    enum Source: Hashable, Sendable {
        case hostsFile
        case dns
        /// The C library, for the versions of IP side by side.
        case library
        /// The C library, for both versions in one question: a source that has an address of one
        /// version is the last that is asked, and only the C library knows which it was.
        case libraryForBoth
    }

    let list: [Source]

    /// Reads the file; without a `hosts` line it is `files dns`, as for the C library.
    ///
    /// - Parameters:
    ///   - text: The file.
    ///   - ownDNS: Whether we may ask the name servers ourselves, see `DNSSettings`.
    init(_ text: String, ownDNS: Bool = true) {
        var words = ["files", "dns"]
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.prefix { $0 != "#" }
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].split(whereSeparator: \.isWhitespace)
            if name != ["hosts"] { continue }
            words = line[line.index(after: colon)...].split(whereSeparator: \.isWhitespace)
                .map { $0.lowercased() }
        }
        list = Self.list(words, ownDNS: ownDNS)
    }

    private static func list(_ words: [String], ownDNS: Bool) -> [Source] {
        let own: [String: Source] = ["files": .hostsFile, "dns": ownDNS ? .dns : .library]
        let sources = words.compactMap { own[$0] }
        if sources.count == words.count, !sources.contains(.library) { return sources }
        // The file alone, and its negative answer, come before all that only the C library knows,
        // unless an action says what else is asked for a name that is in the file.
        guard words.first == "files" else { return [.libraryForBoth] }
        let action = words.dropFirst().prefix { $0.hasPrefix("[") || $0.contains("=") }
        if action.contains(where: { $0.contains("success") }) { return [.libraryForBoth] }
        return [.hostsFile, .library]
    }
}
