internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// How this machine looks up hosts: what its files say.
struct ResolverConfiguration: Sendable {
    let sources: NameSources
    let dns: DNSSettings
    let hosts: HostsFile

    /// What the files said when they were looked at, at most five seconds ago. They are read on a
    /// thread that may block.
    ///
    /// - Throws: `SocketError` if a file could not be read for want of a descriptor or of memory,
    ///   and never was before.
    static func current() async throws -> ResolverConfiguration {
        let known = kept.withLock { $0 }
        if let known, known.expires > .now { return known.configuration }
        let what = "the configuration of names"
        let result = try await localThreads.run(sharing: what, for: what) {
            Result { () throws(Errno) in try read(after: known) }
        }
        switch result {
        case .success(let read):
            kept.withLock { $0 = read }
            return read.configuration
        case .failure(let error):
            if let known { return known.configuration }
            throw SocketError(.resolve, error, reason: "reading how names are looked up")
        }
    }

    struct Kept: Sendable {
        let configuration: ResolverConfiguration
        /// The hosts file's, which is read again only if it has changed: it may be large.
        fileprivate let hostsStamp: FileStamp?
        fileprivate let takesAllLines: Bool
        fileprivate let expires: MonotonicTime
    }

    private static let kept = Mutex<Kept?>(nil)

    /// Reads the files.
    ///
    /// - Parameters:
    ///   - known: What they said before.
    ///   - folder: Where they are.
    /// - Returns: What they say.
    /// - Throws: The error number if this machine lacks something.
    static func read(after known: Kept?, in folder: String = "/etc") throws(Errno) -> Kept {
        let dns = DNSSettings(
            try text(folder + "/resolv.conf"),
            hostName: try text("/proc/sys/kernel/hostname").filter { !$0.isWhitespace }
        )
        // What changes the C library's answers in ways that only the C library knows.
        let variables = [
            "LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES", "RESOLV_MULTI", "RESOLV_HOST_CONF",
        ]
        let isOrdered = !hasSettings(try text(folder + "/gai.conf"))
        let isPlain = variables.allSatisfy { environmentVariable($0) == nil }
        let takesAllLines = takesAllLines(try text(folder + "/host.conf"))
        let stamp = known?.takesAllLines == takesAllLines ? known?.hostsStamp : nil
        let file = try contents(folder + "/hosts", unless: stamp)
        let hosts = file.map { HostsFile($0.bytes, takesAllLines: takesAllLines) }
        return Kept(
            configuration: ResolverConfiguration(
                sources: NameSources(
                    try text(folder + "/nsswitch.conf"),
                    ownDNS: dns.isComplete && isOrdered && isPlain
                ),
                dns: dns,
                hosts: hosts ?? known?.configuration.hosts ?? HostsFile([], takesAllLines: false)
            ),
            hostsStamp: file == nil ? stamp : file?.stamp,
            takesAllLines: takesAllLines,
            expires: .now.advanced(by: .seconds(5))
        )
    }

    /// `multi on` of host.conf(5).
    static func takesAllLines(_ text: String) -> Bool {
        let lines = text.split(whereSeparator: \.isNewline).map { line in
            line.prefix { $0 != "#" }.split { $0.isWhitespace || $0 == "," }
        }
        return lines.last { $0.first == "multi" }?.dropFirst().first == "on"
    }

    /// Whether gai.conf(5) has a line that changes the order of addresses.
    static func hasSettings(_ text: String) -> Bool {
        text.split(whereSeparator: \.isNewline).contains { line in
            let word = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).first
            return ["label", "precedence", "scopev4"].contains(word)
        }
    }

    private static func text(_ path: String) throws(Errno) -> String {
        String(decoding: try contents(path, unless: nil)?.bytes ?? [], as: UTF8.self)
    }

    /// A file's bytes, none if it is not there or not ours to read; nil if it has not changed.
    private static func contents(
        _ path: String,
        unless stamp: FileStamp?
    ) throws(Errno) -> (bytes: [UInt8], stamp: FileStamp?)? {
        do throws(Errno) {
            return try fileContents(atPath: path, unless: stamp).map { ($0.bytes, $0.stamp) }
        } catch {
            switch error {
            case .processDescriptorLimit, .systemDescriptorLimit, .noMemory: throw error
            default: return ([], nil)
            }
        }
    }
}
