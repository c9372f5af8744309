import AsyncSockets
import Synchronization
import TestKit
import Testing

@testable import AsyncSockets

/// Questions to name servers of the test's own.
@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct StubResolverTests {
    private typealias Answer = ScriptedNameServer.Answer

    private func resolver(
        _ servers: ScriptedNameServer...,
        timeout: Duration = .seconds(30),
        _ change: (inout DNSSettings) -> Void = { _ in }
    ) -> StubResolver {
        var settings = DNSSettings("search a.test b.test")
        settings.servers = servers.map(\.address)
        settings.timeout = timeout
        change(&settings)
        return StubResolver(settings: settings, group: .shared)
    }

    /// The addresses of one version, or the code of the failure.
    private func ask(
        _ resolver: StubResolver,
        _ name: String,
        _ version: IPAddress.Version = .v4
    ) async throws -> Result<[String], CodeError> {
        do {
            let agreement = SearchAgreement([version])
            let found = try await resolver.addresses(of: name, version, agreement)
            return .success(found.map(\.description))
        } catch let error as SocketError {
            return .failure(CodeError(code: error.code))
        }
    }

    private struct CodeError: Error, Hashable {
        let code: SocketError.Code
    }

    private func failed(_ code: SocketError.Code) -> Result<[String], CodeError> {
        .failure(CodeError(code: code))
    }

    @Test("Addresses come back, by way of aliases too")
    func addresses() async throws {
        let server = try ScriptedNameServer { question in
            switch question.name {
            case "host.test": .addresses(["192.0.2.2", "192.0.2.1", "2001:db8::1"])
            case "alias.test": .addresses(["192.0.2.9"], aliases: ["one.test", "two.test"])
            default: .code(3)
            }
        }
        let resolver = resolver(server)
        #expect(try await ask(resolver, "Host.test.") == .success(["192.0.2.2", "192.0.2.1"]))
        #expect(try await ask(resolver, "host.test.", .v6) == .success(["2001:db8::1"]))
        #expect(try await ask(resolver, "alias.test.") == .success(["192.0.2.9"]))
        #expect(try await ask(resolver, "alias.test.", .v6) == .success([]))
        #expect(server.asked.count == 4)
        #expect(server.questions.allSatisfy { $0.isExtended && !$0.isOverTCP })
    }

    @Test("No name, no address, no answer and a failure are told apart")
    func failures() async throws {
        let server = try ScriptedNameServer { question in
            switch question.name {
            case "none.test": .code(3)
            case "empty.test": .addresses([])
            case "broken.test": .code(2)
            case "refused.test": .code(5)
            default: .silence
            }
        }
        let resolver = resolver(server)
        #expect(try await ask(resolver, "none.test.") == failed(.nameNotFound))
        #expect(try await ask(resolver, "empty.test.") == .success([]))
        #expect(try await ask(resolver, "broken.test.") == failed(.nameTemporarilyUnavailable))
        #expect(try await ask(resolver, "refused.test.") == failed(.nameTemporarilyUnavailable))
        let before = server.asked.count
        let hasty = self.resolver(server, timeout: .milliseconds(100))
        #expect(try await ask(hasty, "silent.test.") == failed(.nameTemporarilyUnavailable))
        // As often as the settings say; again without what an old firewall may not understand.
        #expect(await eventually { server.asked.count == before + 2 })
        #expect(server.questions.dropFirst(before).map(\.isExtended) == [true, false])
    }

    @Test("A server that is not there, is silent or fails leads to the next")
    func nextServer() async throws {
        let gone = try ScriptedNameServer { _ in .silence }
        gone.stop()
        let silent = try ScriptedNameServer { _ in .silence }
        let broken = try ScriptedNameServer { _ in .code(2) }
        let good = try ScriptedNameServer { _ in .addresses(["192.0.2.1"]) }
        for first in [gone, broken] {
            let resolver = resolver(first, good)
            #expect(try await ask(resolver, "host.test.") == .success(["192.0.2.1"]))
        }
        let patient = resolver(silent, good, timeout: .seconds(2))
        #expect(try await ask(patient, "host.test.") == .success(["192.0.2.1"]))
        #expect(try await ask(resolver(gone), "host.test.") == failed(.nameTemporarilyUnavailable))
    }

    @Test("With rotate each of the servers is asked first at times")
    func rotate() async throws {
        let servers = try (0..<2).map { _ in
            try ScriptedNameServer { _ in .addresses(["192.0.2.1"]) }
        }
        let resolver = resolver(servers[0], servers[1]) { $0.rotates = true }
        for _ in 0..<64 { _ = try await ask(resolver, "host.test.") }
        #expect(servers.allSatisfy { !$0.asked.isEmpty })
    }

    @Test("A server that does not understand EDNS is asked without", arguments: [1, 4] as [UInt8])
    func oldServer(code: UInt8) async throws {
        let server = try ScriptedNameServer { question in
            if !question.isExtended { return .addresses(["192.0.2.1"]) }
            // Nothing but a header.
            let flags: [UInt8] = [0x81, 0x80 | code]
            let numbers = [UInt8](repeating: 0, count: 8)
            return .messages([Array(question.bytes[0..<2]) + flags + numbers])
        }
        #expect(try await ask(resolver(server), "host.test.") == .success(["192.0.2.1"]))
        #expect(server.questions.map(\.isExtended) == [true, false])
    }

    @Test("A long answer comes over TCP, and any answer if that is wished")
    func longAnswer() async throws {
        let many = (1...200).map { "192.0.2.\($0)" }
        let server = try ScriptedNameServer { _ in .long(many) }
        #expect(try await ask(resolver(server), "host.test.") == .success(many))
        #expect(server.questions.map(\.isOverTCP) == [false, true])
        let other = try ScriptedNameServer { _ in .addresses(["192.0.2.1"]) }
        let stream = resolver(other) { $0.usesTCP = true }
        #expect(try await ask(stream, "host.test.") == .success(["192.0.2.1"]))
        #expect(other.questions.map(\.isOverTCP) == [true])
    }

    @Test("Messages that do not answer the question are passed over, whoever sends them")
    func strangers() async throws {
        let server = try ScriptedNameServer { question in
            let good = ScriptedNameServer.message(question, ["192.0.2.1"])
            var (otherID, otherName) = (good, good)
            otherID[1] ^= 1
            otherName[13] ^= 1
            return .messages([[], [0], otherID, otherName, Array(good.prefix(20)), good])
        }
        #expect(try await ask(resolver(server), "host.test.") == .success(["192.0.2.1"]))
    }

    @Test("The search domains are tried in order, until one has the name")
    func search() async throws {
        let server = try ScriptedNameServer { question in
            switch question.name {
            case "www.b.test", "x.y": .addresses(["192.0.2.1"])
            case "x.silent", "short.a.test": .silence
            case "broken.a.test": .code(2)
            case "broken.b.test": .addresses(["192.0.2.2"])
            default: .code(3)
            }
        }
        let resolver = resolver(server)
        #expect(try await ask(resolver, "www") == .success(["192.0.2.1"]))
        #expect(try await ask(resolver, "x.y") == .success(["192.0.2.1"]))
        #expect(try await ask(resolver, "www.") == failed(.nameNotFound))
        #expect(try await ask(resolver, "broken") == .success(["192.0.2.2"]))
        #expect(
            server.asked == [
                "A www.a.test", "A www.b.test", "A x.y", "A www", "A broken.a.test",
                "A broken.a.test", "A broken.b.test",
            ]
        )
        let hasty = self.resolver(server, timeout: .milliseconds(50)) { $0.attempts = 1 }
        // What stands behind a name that nobody answers for could be another host.
        #expect(try await ask(hasty, "short") == failed(.nameTemporarilyUnavailable))
        #expect(try await ask(hasty, "x.silent") == failed(.nameTemporarilyUnavailable))
        #expect(await eventually { server.asked.suffix(2) == ["A short.a.test", "A x.silent"] })
    }

    /// Asks for both versions, as `Resolver.system` does.
    private func askBoth(_ resolver: StubResolver, _ name: String) async throws -> [String] {
        let agreement = SearchAgreement([.v4, .v6], patience: .seconds(30))
        async let four = try? resolver.addresses(of: name, .v4, agreement)
        async let six = try? resolver.addresses(of: name, .v6, agreement)
        return await ((four ?? []) + (six ?? [])).map(\.description)
    }

    @Test(
        "Both halves mean one host: the first of the names that has any address",
        arguments: [3, 0] as [UInt8]
    )
    func oneHost(negative: UInt8) async throws {
        let asked = Mutex<[String]>([])
        let server = try ScriptedNameServer { question in
            asked.withLock { $0.append(question.text) }
            switch question.text {
            case "A shop.a.test": return .addresses(["192.0.2.1"])
            // The host of another domain, and a domain in which every name exists.
            case "AAAA shop.b.test", "AAAA shop": return .addresses(["2001:db8::bad"])
            default: return .code(negative)
            }
        }
        for _ in 0..<20 {
            #expect(try await askBoth(resolver(server), "shop") == ["192.0.2.1"])
        }
    }

    @Test("A half that is never answered does not keep the other from a later name")
    func halfSearch() async throws {
        let server = try ScriptedNameServer { question in
            if question.version == .v6 { return .silence }
            return question.name == "shop.b.test" ? .addresses(["192.0.2.1"]) : .code(3)
        }
        let agreement = SearchAgreement([.v4, .v6])
        let resolver = resolver(server)
        let six = Task { try await resolver.addresses(of: "shop", .v6, agreement) }
        let found = try await resolver.addresses(of: "shop", .v4, agreement)
        #expect(found.map(\.description) == ["192.0.2.1"])
        six.cancel()
        await #expect(throws: CancellationError.self) { try await six.value }
    }

    @Test("A question ends with its task, and at the program's deadline")
    func ends() async throws {
        let server = try ScriptedNameServer { _ in .silence }
        let resolver = resolver(server)
        let task = Task {
            try await resolver.addresses(of: "host.test", .v4, SearchAgreement([.v4]))
        }
        #expect(await eventually { !server.asked.isEmpty })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let error = await #expect(throws: SocketError.self) {
            try await withTimeout(.milliseconds(50)) {
                try await resolver.addresses(of: "host.test", .v4, SearchAgreement([.v4]))
            }
        }
        #expect(error?.code == .timedOut)
        #expect(error?.operation == .resolve)
    }

    @Test("Many questions at once each get their own answer")
    func many() async throws {
        let server = try ScriptedNameServer { question in
            .addresses(["192.0.2.\(question.name.prefix { $0 != "." })"])
        }
        let resolver = resolver(server)
        try await withThrowingTaskGroup(of: Bool.self) { tasks in
            for number in 0..<200 {
                tasks.addTask {
                    let found = try await ask(resolver, "\(number).test.")
                    return found == .success(["192.0.2.\(number)"])
                }
            }
            for try await isRight in tasks { #expect(isRight) }
        }
    }

    @Test("An option says that IPv6 is not asked for")
    func noIPv6() async throws {
        let server = try ScriptedNameServer { _ in .addresses(["2001:db8::1"]) }
        let resolver = resolver(server) { $0.skipsIPv6 = true }
        #expect(try await ask(resolver, "host.test.", .v6) == .success([]))
        #expect(server.asked == [])
    }
}
