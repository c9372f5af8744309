import AsyncSockets
import Synchronization

/// How many of the lookups have ended that were begun first.
private let over = Atomic<Int>(0)

/// Names that no server answers for hold up only the tasks that ask for them.
///
/// A task that ends while all of them still wait was not held up, however slow the machine is.
func deadNames() async throws {
    let stuck = (0..<40).map { index in
        Task {
            defer { over.add(1, ordering: .releasing) }
            return try await TCPConnection.connect(to: "stuck\(index).dead.test", port: 80)
        }
    }
    // All of them have begun.
    for _ in 0..<100 { await Task.yield() }
    try await Task.sleep(for: .milliseconds(100))
    expect(await addresses("four.test", .v4) == "127.0.0.7", "a name of the hosts file")
    expect(await addresses("host.live.test", .v4) == "127.0.0.1", "a name of another zone")
    let port = try? await Resolver.system.resolve("127.0.0.1:https").first?.port
    expect(port == 443, "a service")
    expect(over.load(ordering: .acquiring) == 0, "are not held up")
    await roundTrips()
    expect(over.load(ordering: .acquiring) == 0, "nor are the loops")
    await limited()
    expect(over.load(ordering: .acquiring) == 0, "in time")
    for task in stuck { task.cancel() }
    for task in stuck { _ = await task.result }
    expect(over.load(ordering: .acquiring) == 40, "cancelled lookups end at once")
    expect(await addresses("host.live.test", .v4) == "127.0.0.1", "and leave room for others")
}

/// The loops go on.
private func roundTrips() async {
    do {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let client = try await TCPConnection.connect(to: listener.localAddress)
        let server = try await listener.accept()
        for _ in 0..<200 {
            try await client.write("ping")
            try await server.write(try await server.read(exactly: 4))
            _ = try await client.read(exactly: 4)
        }
    } catch {
        expect(false, "200 round trips: \(error)")
    }
}

/// A deadline ends a connection whose name is not answered.
private func limited() async {
    let failure = await code {
        try await withTimeout(.milliseconds(100)) {
            _ = try await TCPConnection.connect(to: "never.test", port: 80)
        }
    }
    expect(failure == .timedOut, "a deadline ends the connecting")
}

/// Lookups of the C library that were given up hold the threads of a zone, and then all threads: a
/// clear error, until the answers have come.
func exhaustion() async throws {
    expect(try await giveUp(in: { _ in "one.test" }) == .resolverBusy, "a zone is limited")
    expect(await addresses("host.live.test", .v4) == "127.0.0.1", "others are not concerned")
    expect(try await giveUp(in: { "zone\($0).test" }) == .resolverBusy, "all together are limited")
    let refused = await code { _ = try await Resolver.system.addresses(of: "live.test", .v4) }
    expect(refused == .resolverBusy, "nobody is let to wait behind them")
    expect(await addresses("four.test", .v4) == "127.0.0.7", "the hosts file is read all the same")
    let end = ContinuousClock.now + .seconds(20)
    var answer = ""
    while ContinuousClock.now < end, answer != "127.0.0.1" {
        answer = await addresses("live.test", .v4)
        try await Task.sleep(for: .milliseconds(20))
    }
    expect(answer == "127.0.0.1", "when the name service has given up, lookups go on")
}

/// Gives up lookups until one is refused.
private func giveUp(in zone: (Int) -> String) async throws -> SocketError.Code? {
    for index in 0..<10_000 {
        let name = "gone\(index)." + zone(index)
        let task = Task { try await Resolver.system.addresses(of: name, .v4) }
        // Most have a thread by then; one without a thread is not counted, and others follow.
        try await Task.sleep(for: .milliseconds(1))
        task.cancel()
        if case .failure(let error as SocketError) = await task.result { return error.code }
    }
    return nil
}
