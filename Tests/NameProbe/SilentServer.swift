import AsyncSockets
import Synchronization

/// How many of the lookups have ended that were begun first.
private let over = Atomic<Int>(0)

/// A name server that never answers holds up only the tasks that ask it.
///
/// A task that ends while all of them still wait was not held up, however slow the machine is.
func silentServer() async throws {
    let stuck = (0..<5).map { index in
        Task {
            defer { over.add(1, ordering: .releasing) }
            return try await Resolver.system.resolve("stuck\(index).test", port: 80)
        }
    }
    expect(await addresses("four.test", .v4) == "127.0.0.7", "a name of the hosts file")
    expect(over.load(ordering: .acquiring) == 0, "is not held up")
    await roundTrips()
    expect(over.load(ordering: .acquiring) == 0, "nor are the loops")
    await limited()
    expect(over.load(ordering: .acquiring) == 0, "in time")

    for task in stuck.dropFirst() { task.cancel() }
    for task in stuck.dropFirst() { _ = await task.result }
    expect(over.load(ordering: .acquiring) == 4, "cancelled lookups end at once")

    let failure = await code { _ = try await stuck[0].value }
    expect(failure == .nameTemporarilyUnavailable, "who waits learns that nobody answered")
    try await exhaustion()
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

/// Lookups that were given up hold all threads: a clear error, until the answers have come.
private func exhaustion() async throws {
    var busy = false
    var index = 0
    while !busy {
        index += 1
        let task = Task { [index] in
            try await Resolver.system.addresses(of: "gone\(index).test", .v4)
        }
        // Most have a thread by then; one without a thread is not counted, and others follow.
        try await Task.sleep(for: .milliseconds(1))
        task.cancel()
        if case .failure(let error as SocketError) = await task.result {
            busy = error.code == .resolverBusy
        }
    }
    expect(busy, "abandoned lookups are limited, and the error says so")
    let refused = await code { _ = try await Resolver.system.addresses(of: "four.test", .v4) }
    expect(refused == .resolverBusy, "nobody is let to wait behind them")
    let end = ContinuousClock.now + .seconds(20)
    var answer = ""
    while ContinuousClock.now < end, answer != "127.0.0.7" {
        answer = await addresses("four.test", .v4)
        try await Task.sleep(for: .milliseconds(20))
    }
    expect(answer == "127.0.0.7", "when the name service has given up, lookups go on")
}
