/// How the name servers are asked, resolv.conf(5).
struct DNSSettings: Hashable, Sendable {
    /// The servers, at most three, in the order in which they are asked.
    var servers: [SocketAddress] = []
    /// The domains that a short name may be meant to be in.
    var search: [String] = []
    /// How many dots a name has that is first tried as it is.
    var dots = 1
    /// How long a server has to answer.
    var timeout: Duration = .seconds(5)
    /// How often each server is asked.
    var attempts = 2
    /// Whether each question goes to another server first.
    var rotates = false
    /// Whether the servers are asked over TCP only.
    var usesTCP = false
    /// Whether no addresses of IPv6 are asked for.
    var skipsIPv6 = false
    /// Whether a name without a dot is tried in the search domains only.
    var skipsTopLevel = false
    /// Whether the file has nothing else that changes the answers.
    var isComplete = true

    /// Reads the file. What is not understood there is passed over, as the C library does.
    ///
    /// - Parameters:
    ///   - text: The file.
    ///   - hostName: This machine's name, which the search domain is taken from if the file has
    ///     none.
    init(_ text: String, hostName: String = "") {
        search = hostName.split(separator: ".", maxSplits: 1).dropFirst().map(String.init)
        for line in text.split(whereSeparator: \.isNewline) {
            // A keyword stands at the line's beginning.
            guard line.first?.isWhitespace == false else { continue }
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            switch words[0] {
            case "nameserver" where words.count > 1 && servers.count < 3:
                if let ip = try? IPAddress(words[1]) { servers.append(SocketAddress(ip, port: 53)) }
            case "domain" where words.count > 1: search = [words[1]]
            case "search": search = Array(words.dropFirst())
            case "sortlist": isComplete = false
            case "options": for option in words.dropFirst() { apply(option) }
            default: break
            }
        }
        if servers.isEmpty { servers = [.ipv4(.loopback, port: 53)] }
    }

    private mutating func apply(_ option: String) {
        let parts = option.split(separator: ":", maxSplits: 1)
        let value = parts.count == 2 ? Int(parts[1]) : nil
        switch (parts.first, value) {
        case ("ndots", let value?): dots = min(max(value, 0), 15)
        case ("timeout", let value?): timeout = .seconds(min(max(value, 1), 30))
        case ("attempts", let value?): attempts = min(max(value, 1), 5)
        case ("rotate", _): rotates = true
        case ("use-vc", _): usesTCP = true
        case ("no-aaaa", _): skipsIPv6 = true
        case ("no-tld-query", _): skipsTopLevel = true
        default: break
        }
    }

    /// The absolute names that a name may mean, in the order in which they are tried.
    func candidates(for name: String) -> [String] {
        if name.hasSuffix(".") { return [String(name.dropLast())] }
        let dotCount = name.utf8.count { $0 == UInt8(ascii: ".") }
        let searched = search.map { domain in
            let labels = domain.split(separator: ".")
            return ([name[...]] + labels).joined(separator: ".")
        }
        let isTried = dotCount > 0 || !skipsTopLevel
        let itself = isTried && !searched.contains(name) ? [name] : []
        return dotCount >= dots ? itself + searched : searched + itself
    }
}
