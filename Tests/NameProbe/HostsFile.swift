import AsyncSockets

/// Names of the hosts file, given to every verb that takes a name.
func hostsFile() async throws {
    expect(await addresses("four.test") == "127.0.0.7", "a name with an IPv4 address only")
    expect(await addresses("FOUR-alias.TEST") == "127.0.0.7", "its alias, in other capitals")
    expect(await addresses("four.test", .v4) == "127.0.0.7", "the same for IPv4")
    let six = await code { _ = try await Resolver.system.addresses(of: "four.test", .v6) }
    expect(six == .nameHasNoAddress, "it has no address of IPv6")
    expect(await addresses("both.test", .v6) == "::1", "an IPv6 address")
    expect(await addresses("bücher.test", .v4) == "127.0.0.9", "a name beyond ASCII, by IDNA")
    expect(await addresses("BÜCHER.test", .v4) == "127.0.0.9", "the same in capitals")
    expect(await addresses("localhost", .v6) == "::1", "localhost, which the file does not have")

    let server = try await TCPListener.bind(to: "four.test", port: 0)
    expect(server.localAddresses.map(\.ip?.description) == ["127.0.0.7"], "bound")
    expect(server.omissions.isEmpty, "to all that there is")
    let port = server.localAddress.port ?? 0
    let stream = try await TCPConnection.connect(to: "four.test", port: port)
    expect(stream.remoteAddress == server.localAddress, "connected")
    let receiver = try await UDPSocket.bind(to: "four.test", port: port)
    expect(receiver.localAddress == server.localAddress, "bound to datagrams")
    let sender = try await UDPSocket.connect(to: "four.test", port: port)
    expect(sender.remoteAddress == server.localAddress, "connected to datagrams")
    for local in ["127.0.0.7:0", "[::]:0"] {
        try await UDPSocket.bind(to: local).send("hello", to: "four.test:\(port)")
        expect(try await receiver.receive().bytes == Array("hello".utf8), "sent from \(local)")
    }
}
