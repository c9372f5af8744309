// A room for lines of text: what one client sends, every other one reads. Try it with several `nc`.
import AsyncSockets
import ExampleSupport

/// The members of the room. Each member has an outbox of its own, so that no member waits for a
/// slow reader. An outbox keeps the newest hundred lines that its member has not read.
actor Room {
    typealias Outbox = AsyncStream<String>

    private var members: [Int: Outbox.Continuation] = [:]
    private var lastName = 0

    func join() -> (name: Int, outbox: Outbox) {
        let (outbox, entrance) = Outbox.makeStream(bufferingPolicy: .bufferingNewest(100))
        lastName += 1
        members[lastName] = entrance
        say("* guest \(lastName) joined", from: lastName)
        return (lastName, outbox)
    }

    func leave(_ name: Int) {
        members.removeValue(forKey: name)?.finish()
        say("* guest \(name) left", from: name)
    }

    func say(_ line: String, from sender: Int) {
        for (name, entrance) in members where name != sender { entrance.yield(line) }
    }
}

let room = Room()

@Sendable func attend(_ connection: StreamConnection) async throws {
    let (name, outbox) = await room.join()
    do {
        try await withThrowingTaskGroup { tasks in
            tasks.addTask {
                for await line in outbox { try await connection.write(line + "\n") }
            }
            tasks.addTask {
                for try await line in connection.lines(limit: 4096) {
                    // The others may read it in a terminal.
                    await room.say("guest \(name): \(printable(line, limit: 4096))", from: name)
                }
            }
            // Either task may have ended first: the guest has left.
            try await tasks.next()
            tasks.cancelAll()
        }
    } catch {
        await room.leave(name)
        throw error
    }
    await room.leave(name)
}

await runExample("Chat [ADDRESS]", arguments: 1) { arguments in
    let address = arguments.first ?? "127.0.0.1:9999"
    try await withCancellation(on: .interrupt, .terminate) {
        try await serve(at: address, ready: { say("listening on \($0)") }, attend)
    }
}
