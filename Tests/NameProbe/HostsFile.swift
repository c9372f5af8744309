import AsyncSockets
import Synchronization

/// Names of the hosts file, looked up and connected to.
func hostsFile() async throws {
    expect(await addresses("four.test", .v4) == "127.0.0.7", "an IPv4 address")
    expect(await addresses("both.test", .v6) == "::1", "an IPv6 address")
    expect(await addresses("bücher.test", .v4) == "127.0.0.9", "a name beyond ASCII, by IDNA")
    expect(await addresses("BÜCHER.test", .v4) == "127.0.0.9", "the same in capitals")
    expect(await addresses("localhost", .v6) == "::1", "localhost, which the file does not have")

    let server = try TCPListener.bind(to: "127.0.0.7:0")
    let port = server.localAddress.port ?? 0
    // The AAAA question goes to the server that never answers: IPv4 waits for 50 ms, not for it.
    let isOver = Atomic<Bool>(false)
    let unanswered = Task {
        _ = await addresses("four.test", .v6)
        isOver.store(true, ordering: .releasing)
    }
    let start = ContinuousClock.now
    let connection = try await TCPConnection.connect(to: "four.test", port: port)
    let time = ContinuousClock.now - start
    expect(connection.remoteAddress == server.localAddress, "connected to the host's address")
    expect(time >= .milliseconds(50), "after the resolution delay")
    expect(
        !isOver.load(ordering: .acquiring),
        "without waiting for the answer that does not come"
    )
    await unanswered.value
}
