import AsyncSockets
internal import TestKit
import Testing

@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct ListenByNameTests {
    // In a process of its own: a child that another test starts may hold copies of the closed
    // sockets for a moment, and then no client is refused.
    @Test(
        "localhost means both versions, with one port and one sequence of connections",
        .enabled(if: ThreadSanitizer.isOff)
    )
    func localhost() async throws {
        await #expect(processExitsWith: .success) {
            let listener = try await TCPListener.bind(to: "localhost", port: 0)
            let addresses = listener.localAddresses
            #expect(addresses.map(\.ip) == [.v6(.loopback), .v4(.loopback)])
            #expect(Set(addresses.map(\.port)).count == 1)
            #expect(listener.localAddress == addresses[0])
            for _ in 0..<10 {
                for address in addresses { #expect(try await reaches(address, listener)) }
            }
            listener.close()
            for address in addresses {
                await #expect(throws: SocketError.self) {
                    try await TCPConnection.connect(to: address)
                }
            }
        }
    }

    @Test("A loop over a listener of several addresses gets everybody and ends when it is closed")
    func oneSequenceOfAllAddresses() async throws {
        let resolver = scriptedResolver(["three": ["127.0.0.1", "127.0.0.2", "::1"]])
        let listener = try await TCPListener.bind(to: "three", port: 0, resolver: resolver)
        #expect(listener.localAddresses.count == 3)
        let served = Task {
            var count = 0
            for await connection in listener {
                count += 1
                connection.close()
                if count == 30 { listener.close() }
            }
            return count
        }
        try await withThrowingTaskGroup(of: Void.self) { clients in
            for index in 0..<30 {
                clients.addTask {
                    let address = listener.localAddresses[index % 3]
                    let client = try await TCPConnection.connect(to: address)
                    for try await _ in client {}
                }
            }
            try await clients.waitForAll()
        }
        #expect(await served.value == 30)
    }

    @Test("An acceptor that is cancelled loses no connection")
    func cancelAccept() async throws {
        let listener = try await TCPListener.bind(to: "localhost", port: 0)
        for round in 0..<20 {
            let task = Task { try await listener.accept() }
            for _ in 0..<round { await Task.yield() }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let address = listener.localAddresses[round % 2]
            #expect(try await reaches(address, listener))
        }
    }

    @Test("An address that the machine does not have is left out, unless it is the only one")
    func missingAddress() async throws {
        // 203.0.113.0/24 is for documentation, RFC 5737: no machine should have it.
        let resolver = scriptedResolver([
            "some": ["203.0.113.1", "127.0.0.1"], "none": ["203.0.113.1", "203.0.113.2"],
        ])
        let listener = try await TCPListener.bind(to: "some", port: 0, resolver: resolver)
        #expect(listener.localAddresses.map(\.ip) == [.v4(.loopback)])
        #expect(listener.omissions.map(\.code) == [.addressNotAvailable])
        #expect(listener.omissions.first?.localAddress?.ip == (try IPAddress("203.0.113.1")))
        let error = await #expect(throws: SocketError.self) {
            try await TCPListener.bind(to: "none", port: 0, resolver: resolver)
        }
        #expect(error?.code == .addressNotAvailable)
    }

    @Test("A port that is taken at one address leaves nothing bound at the others")
    func partialFailure() async throws {
        let taken = try TCPListener.bind(to: "127.0.0.1:0")
        let port = taken.localAddress.port ?? 0
        let error = await #expect(throws: SocketError.self) {
            try await TCPListener.bind(to: "localhost", port: port)
        }
        #expect(error?.code == .addressInUse)
        // The other address is free again.
        let other = try TCPListener.bind(to: .ipv6(.loopback, port: port))
        other.close()
        taken.close()
        let both = try await TCPListener.bind(to: "localhost", port: port)
        #expect(both.localAddresses.count == 2)
        #expect(both.omissions == [])
    }

    @Test("An address is bound as it is, and a wrong name is an error")
    func addressesAndWrongNames() async throws {
        let listener = try await TCPListener.bind(to: "127.0.0.1", port: 0)
        #expect(listener.localAddresses == [listener.localAddress])
        let error = await #expect(throws: SocketError.self) {
            try await TCPListener.bind(to: "no such name", port: 0)
        }
        #expect(error?.code == .invalidName)
        let unknown = await #expect(throws: SocketError.self) {
            try await TCPListener.bind(to: "nobody", port: 0, resolver: scriptedResolver([:]))
        }
        #expect(unknown?.code == .nameNotFound)
    }

    @Test("serve takes a name, and clients of both versions")
    func serving() async throws {
        let (ready, continuation) = AsyncStream<SocketAddress>.makeStream()
        let server = Task {
            try await serve(
                at: "localhost:0",
                ready: { continuation.yield($0) },
                { connection in
                    for try await chunk in connection { try await connection.write(chunk) }
                }
            )
        }
        for await address in ready {
            for ip in [IPAddress.v6(.loopback), .v4(.loopback)] {
                let port = address.port ?? 0
                let client = try await TCPConnection.connect(to: SocketAddress(ip, port: port))
                try await client.write("ping")
                #expect(try await client.read(exactly: 4) == Array("ping".utf8))
            }
            break
        }
        server.cancel()
        try await server.value
    }
}

/// Whether a client of an address is served by the listener's sequence.
private func reaches(_ address: SocketAddress, _ listener: TCPListener) async throws -> Bool {
    async let client = TCPConnection.connect(to: address)
    let server = try await listener.accept()
    let connected = try await client
    try await connected.write("ping")
    let received = try await server.read(exactly: 4)
    return received == Array("ping".utf8) && server.remoteAddress == connected.localAddress
}
