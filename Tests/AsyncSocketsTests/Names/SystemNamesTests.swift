import AsyncSockets
import TestKit
import Testing

/// Real lookups, in a process with a hosts file and a name server of its own: by the library
/// itself, and by the C library, which is asked for sources that only it knows.
@Suite(
    .fewAtOnce,
    .endsHangs,
    .enabled(if: NameSandbox.isPossible, "takes a mount namespace")
)
struct SystemNamesTests {
    static let (own, library) = ("files dns", "files nosuchsource dns")
    /// The hosts file is read by the C library too.
    static let libraryOnly = "nosuchsource files dns"
    /// A lookup that nobody answers lasts longer than any of the tests.
    static let (patient, hasty) = ("timeout:30 attempts:5", "timeout:5 attempts:1")

    /// Runs the probe; returns what the name server was asked, or nil if it could not be started.
    ///
    /// Its names with `half` have IPv4 addresses and no answer for IPv6, those with `live` have
    /// both; those of the hosts file have other addresses here; all others are never answered.
    private func run(
        _ argument: String,
        _ sources: String,
        _ options: String = patient
    ) async throws -> [String]? {
        let number = UInt32.random(in: 1..<0x00ff_ff00)
        let address = IPv4Address(rawValue: 127 << 24 | number)
        let server = try? ScriptedNameServer(at: "\(address):53") { question in
            if question.name.contains("half") {
                return question.version == .v4 ? .addresses(["127.0.0.1"]) : .silence
            }
            if question.name.contains("live") { return .addresses(["127.0.0.1", "::1"]) }
            // A domain in which every name exists, and other addresses for those of the file.
            if question.name.hasSuffix("search.test") || question.name.hasPrefix("four") {
                return .addresses(["127.0.0.99", "::99"])
            }
            return .silence
        }
        // Without the right to use port 53 the questions are refused, which is not what we try.
        guard let server else { return nil }
        let lines = await onThread {
            NameSandbox.probe(
                argument,
                nameServer: address.description,
                sources: sources,
                options: options
            )
        }
        #expect(lines.filter { $0.hasPrefix("FAILED") } == [])
        #expect(lines.contains("done"), "\(lines)")
        #expect(lines.last == "status 0")
        return server.asked
    }

    @Test(
        "A name in the hosts file has the file's addresses only, and no name server learns of it",
        arguments: [own, library, libraryOnly, "files"]
    )
    func hostsFile(sources: String) async throws {
        #expect(try await run("hosts", sources) ?? [] == [])
    }

    @Test("One half without an answer holds up no verb", arguments: [own, library, libraryOnly])
    func halves(sources: String) async throws { _ = try await run("halves", sources) }

    @Test("Names that nobody answers for hold up no others", arguments: [own, library])
    func deadNames(sources: String) async throws { _ = try await run("dead", sources) }

    @Test("A name beyond ASCII is found after a lack of descriptors", arguments: [own, library])
    func descriptors(sources: String) async throws { _ = try await run("full", sources) }

    @Test("The C library's lookups that were given up are limited, until they are over")
    func exhaustion() async throws { _ = try await run("exhaustion", Self.library, Self.hasty) }
}
