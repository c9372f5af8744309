import TestKit
import Testing

@testable import AsyncSockets

/// A resolver with fixed answers; a missing name is not found.
func scriptedResolver(_ names: [String: [String]]) -> Resolver {
    Resolver { name, version in
        guard let texts = names[name.description] else {
            throw SocketError(.resolve, code: .nameNotFound, reason: "no host is named \"\(name)\"")
        }
        return texts.compactMap { try? IPAddress($0) }.filter { $0.version == version }
    }
}

@Suite(.fewAtOnce, .endsHangs)
struct ResolverTests {
    @Test("The versions take turns, IPv6 first, each address once")
    func versionsTakeTurns() async throws {
        let resolver = scriptedResolver([
            "many": ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3", "fd00::1", "fd00::2"],
            "four": ["10.0.0.1"],
        ])
        let found = try await resolver.resolve("many", port: 53)
        #expect(
            found.map(\.description) == [
                "[fd00::1]:53", "10.0.0.1:53", "[fd00::2]:53", "10.0.0.2:53", "10.0.0.3:53",
            ]
        )
        #expect(try await resolver.resolve("four:53").map(\.description) == ["10.0.0.1:53"])
        let sixes = try await resolver.resolve("many", port: 1, version: .v6)
        #expect(sixes.map(\.description) == ["[fd00::1]:1", "[fd00::2]:1"])
    }

    @Test("Literals are not looked up")
    func literals() async throws {
        let resolver = Resolver { name, _ in
            Issue.record("\(name) was looked up")
            return []
        }
        #expect(
            try await resolver.resolve("127.0.0.1", port: 1).map(\.description) == ["127.0.0.1:1"]
        )
        #expect(try await resolver.resolve("::1", port: 1).map(\.description) == ["[::1]:1"])
        #expect(try await resolver.resolve("[::1]:7").map(\.description) == ["[::1]:7"])
        #expect(try await resolver.addresses(of: "::1", .v6) == [.v6(.loopback)])
        let error = await #expect(throws: SocketError.self) {
            try await resolver.addresses(of: "::1", .v4)
        }
        #expect(error?.code == .nameHasNoAddress)
    }

    @Test(
        "Two failures become one that says most",
        arguments: [
            (
                SocketError.Code.nameNotFound, SocketError.Code.nameNotFound,
                SocketError.Code.nameNotFound
            ),
            (.nameHasNoAddress, .nameHasNoAddress, .nameHasNoAddress),
            (.nameNotFound, .nameHasNoAddress, .nameHasNoAddress),
            (.nameHasNoAddress, .nameTemporarilyUnavailable, .nameTemporarilyUnavailable),
            (.resolverBusy, .nameNotFound, .resolverBusy),
            (.nameNotFound, .nameLookupFailed, .nameLookupFailed),
        ]
    )
    func combined(
        six: SocketError.Code,
        four: SocketError.Code,
        both: SocketError.Code
    ) async {
        let resolver = Resolver { name, version in
            throw SocketError(.resolve, code: version == .v6 ? six : four)
        }
        let error = await #expect(throws: SocketError.self) {
            try await resolver.resolve("name", port: 1)
        }
        #expect(error?.code == both)
        let connecting = await #expect(throws: SocketError.self) {
            try await TCPConnection.connect(to: "name", port: 1, resolver: resolver)
        }
        #expect(connecting?.code == both)
        #expect(connecting?.attempts == [])
    }

    @Test("An empty answer means that there is no address")
    func emptyAnswerHasNoAddress() async {
        let resolver = Resolver { _, _ in [] }
        let error = await #expect(throws: SocketError.self) {
            try await resolver.resolve("name", port: 1)
        }
        #expect(error?.code == .nameHasNoAddress)
        #expect(error?.description == "resolve: \"name\" has no address")
    }

    /// A resolver of which one version is never answered.
    private func half(_ silent: IPAddress.Version, _ addresses: [String]) -> Resolver {
        Resolver { _, version in
            if version == silent { try await Task.sleep(for: .seconds(3600)) }
            return addresses.compactMap { try? IPAddress($0) }
        }
    }

    @Test("A half that is not answered holds up no verb", arguments: IPAddress.Version.allCases)
    func halves(silent: IPAddress.Version) async throws {
        let resolver = half(silent, silent == .v6 ? ["127.0.0.1"] : ["::1"])
        let found = try await resolver.resolve("host", port: 1)
        #expect(found.map(\.ip) == [silent == .v6 ? .v4(.loopback) : .v6(.loopback)])
        let listener = try await TCPListener.bind(to: "host", port: 0, resolver: resolver)
        #expect(listener.localAddresses.map(\.ip) == found.map(\.ip))
        // What is not served is told.
        #expect(listener.omissions.map(\.code) == [.nameTemporarilyUnavailable])
        let port = listener.localAddress.port ?? 0
        let stream = try await TCPConnection.connect(to: "host", port: port, resolver: resolver)
        #expect(stream.remoteAddress == listener.localAddress)
        let socket = try await UDPSocket.connect(to: "host", port: port, resolver: resolver)
        #expect(socket.remoteAddress?.ip == found[0].ip)
        let bound = try await UDPSocket.bind(to: "host", port: 0, resolver: resolver)
        #expect(bound.localAddress?.ip == found[0].ip)
    }

    @Test("An answer within the resolution delay is not left out")
    func delay() async throws {
        let resolver = Resolver { _, version in
            if version == .v4 { return [.v4(.loopback)] }
            try await Task.sleep(for: .milliseconds(5))
            return [.v6(.loopback)]
        }
        // On a busy machine it may come too late at times.
        #expect(
            await eventually {
                let found = try? await resolver.resolve("host", port: 1)
                return found?.map(\.ip) == [.v6(.loopback), .v4(.loopback)]
            }
        )
    }

    @Test(
        "A half that this machine had no means to look up is told, not left out",
        arguments: [.tooManyDescriptors, .noBufferSpace] as [SocketError.Code]
    )
    func lack(code: SocketError.Code) async throws {
        let resolver = Resolver { _, version in
            if version == .v6 { throw SocketError(.resolve, code: code) }
            return [.v4(.loopback)]
        }
        let error = await #expect(throws: SocketError.self) {
            try await resolver.resolve("host", port: 1)
        }
        #expect(error?.code == code)
        let binding = await #expect(throws: SocketError.self) {
            try await TCPListener.bind(to: "host", port: 0, resolver: resolver)
        }
        #expect(binding?.code == code)
    }

    @Test("A cancelled task looks nothing up")
    func cancelledTaskLooksNothingUp() async {
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            let resolver = Resolver { name, _ in
                Issue.record("\(name) was looked up")
                return []
            }
            return try await resolver.resolve("name", port: 1)
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("Addresses are sorted by how well they can be connected to; equals stay in their order")
    func order() throws {
        func sorted(_ texts: [String]) throws -> [String] {
            sortedForConnecting(try texts.map { try IPAddress($0) }).map(\.description)
        }
        #expect(try sorted(["127.0.0.3", "127.0.0.1", "127.0.0.2"]).first == "127.0.0.3")
        // Those of the old compatible addresses are the last resort.
        #expect(try sorted(["::2", "::1"]) == ["::1", "::2"])
        #expect(try sorted([]) == [])
        #expect(try sorted(["192.0.2.1"]) == ["192.0.2.1"])
    }

    @Test("The system knows localhost, by both versions")
    func localhost() async throws {
        #expect(try await Resolver.system.addresses(of: "localhost", .v4) == [.v4(.loopback)])
        #expect(try await Resolver.system.addresses(of: "db.localhost.", .v6) == [.v6(.loopback)])
        let both = try await Resolver.system.resolve("localhost:80")
        #expect(both.map(\.description) == ["[::1]:80", "127.0.0.1:80"])
    }

    @Test("The system knows services")
    func services() async throws {
        let found = try await Resolver.system.resolve("127.0.0.1:https")
        #expect(found.map(\.description) == ["127.0.0.1:443"])
        let error = await #expect(throws: SocketError.self) {
            try await Resolver.system.resolve("127.0.0.1:no-such-service")
        }
        #expect(error?.code == .nameNotFound)
    }
}
