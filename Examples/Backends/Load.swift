import AsyncSockets

/// How many connections are at work; all others are idle.
let activeConnections = 10

/// What a server was seen to do.
enum Outcome {
    /// Round trips in a second, and processor time of the server for each.
    case measured(perSecond: Double, microseconds: Double)
    /// The connection after so many was not served.
    case stopped(after: Int)
}

/// Opens the connections, lets ten of them work for a second, closes all.
func measure(_ server: ServerProcess, connections count: Int) async throws -> Outcome {
    let connections = await open(count, to: server.address)
    defer { for connection in connections { connection.reset() } }
    if connections.count < count { return .stopped(after: connections.count) }

    let clock = ContinuousClock()
    let (start, before) = (clock.now, server.microsecondsRun)
    let deadline = start.advanced(by: .seconds(1))
    let roundTrips = try await withThrowingTaskGroup(of: Int.self) { tasks in
        // From everywhere in the list: first come is not first found.
        for index in 0..<min(activeConnections, count) {
            let connection = connections[index * count / activeConnections]
            tasks.addTask { try await exchange(on: connection, until: deadline) }
        }
        return try await tasks.reduce(0, +)
    }
    let seconds = (clock.now - start) / .seconds(1)
    let used = server.microsecondsRun - before
    return .measured(
        perSecond: Double(roundTrips) / seconds,
        microseconds: used / Double(max(roundTrips, 1))
    )
}

private func exchange(
    on connection: TCPConnection,
    until deadline: ContinuousClock.Instant
) async throws -> Int {
    let message = [UInt8](repeating: 7, count: 64)
    var count = 0
    while ContinuousClock.now < deadline {
        // Looking at the clock once in a while is enough.
        for _ in 0..<16 {
            try await connection.write(message)
            _ = try await connection.read(exactly: message.count)
            count += 1
        }
    }
    return count
}

/// As many connections as the server serves, at most `count`: each has been answered once.
private func open(_ count: Int, to address: String) async -> [TCPConnection] {
    var connections: [TCPConnection] = []
    while connections.count < count {
        let wanted = min(50, count - connections.count)
        let opened = await withTaskGroup(of: TCPConnection?.self) { tasks in
            for _ in 0..<wanted {
                tasks.addTask { try? await connect(to: address) }
            }
            return await tasks.reduce(into: [TCPConnection]()) { opened, connection in
                if let connection { opened.append(connection) }
            }
        }
        connections += opened
        if opened.count < wanted { break }
    }
    return connections
}

/// Connects and has a byte echoed. What is not answered in time is not served.
private func connect(to address: String) async throws -> TCPConnection {
    let connection = try await TCPConnection.connect(to: address)
    try await withTimeout(.seconds(10)) {
        try await connection.write([1])
        _ = try await connection.read(exactly: 1)
    }
    return connection
}
