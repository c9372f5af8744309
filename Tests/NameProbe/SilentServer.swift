import AsyncSockets

/// A name server that never answers holds nobody up but those who ask it.
func silentServer() async throws {
    let stuck = (0..<4).map { index in
        Task { try await Resolver.system.resolve("stuck\(index).test", port: 80) }
    }
    await others()
    await limited()

    let start = ContinuousClock.now
    for task in stuck { task.cancel() }
    for task in stuck { _ = await task.result }
    expect(ContinuousClock.now - start < .milliseconds(500), "cancelled lookups end at once")

    let failure = await code { _ = try await Resolver.system.resolve("patient.test", port: 80) }
    expect(failure == .nameTemporarilyUnavailable, "who waits learns that nobody answered")
    try await exhaustion()
}

/// Other lookups and the loops go on.
private func others() async {
    var start = ContinuousClock.now
    expect(await addresses("four.test", .v4) == "127.0.0.7", "a name of the hosts file")
    expect(ContinuousClock.now - start < .milliseconds(500), "is not held up")
    start = ContinuousClock.now
    do {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let client = try await TCPConnection.connect(to: listener.localAddress)
        let server = try await listener.accept()
        for _ in 0..<200 {
            try await client.write("ping")
            try await server.write(try await server.read(exactly: 4))
            _ = try await client.read(exactly: 4)
        }
        expect(ContinuousClock.now - start < .milliseconds(900), "nor are the loops")
    } catch {
        expect(false, "200 round trips: \(error)")
    }
}

/// A deadline ends a connection whose name is not answered.
private func limited() async {
    let start = ContinuousClock.now
    let failure = await code {
        try await withTimeout(.milliseconds(100)) {
            _ = try await TCPConnection.connect(to: "never.test", port: 80)
        }
    }
    expect(failure == .timedOut, "a deadline ends the connecting")
    expect(ContinuousClock.now - start < .milliseconds(900), "in time")
}

/// Lookups that were given up hold all threads: a clear error, until the answers have come.
private func exhaustion() async throws {
    var busy = false
    for index in 0..<200 where !busy {
        let task = Task { try await Resolver.system.addresses(of: "gone\(index).test", .v4) }
        // Long enough for its thread to have begun.
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
