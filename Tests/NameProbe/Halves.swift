import AsyncSockets

/// A name of which IPv6 is never answered, given to every verb that takes a name. The test ends
/// this process long before a lookup of IPv6 ends.
func halves() async throws {
    let start = ContinuousClock.now
    func isDone(_ what: String) { print("ok: \(what) after \(ContinuousClock.now - start)") }
    expect(await addresses("half.test") == "127.0.0.1", "resolved")
    isDone("resolve")
    let listener = try await TCPListener.bind(to: "half.test", port: 0)
    isDone("bind")
    expect(listener.localAddresses.count == 1, "bound to what is known")
    expect(listener.omissions.map(\.code) == [.nameTemporarilyUnavailable], "the rest is told")
    let port = listener.localAddress.port ?? 0
    _ = try await TCPConnection.connect(to: "half.test", port: port)
    isDone("connect")
    let receiver = try await UDPSocket.bind(to: "half.test", port: port)
    isDone("bind of datagrams")
    _ = try await UDPSocket.connect(to: "half.test", port: port)
    isDone("connect of datagrams")
    for local in ["127.0.0.1:0", "[::]:0"] {
        try await UDPSocket.bind(to: local).send("hello", to: "half.test:\(port)")
        isDone("send from \(local)")
        expect(try await receiver.receive().bytes == Array("hello".utf8), "received")
    }

    // Each leaves a question without an answer behind.
    let clients = Task { for await connection in listener { connection.close() } }
    for number in 0..<100 {
        let name = number % 2 == 0 ? "half.test" : "half\(number % 10).test"
        try await TCPConnection.connect(to: name, port: port).close()
    }
    isDone("100 connections in a row")
    clients.cancel()
}
