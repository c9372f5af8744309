// An echo server that can be replaced by a new version of itself while it serves.
//
//     HotRestart [ADDRESS]
//
// SIGUSR2 starts the program's file again, which takes the listening socket over; when the new one
// is ready, the old one finishes with its clients and leaves. SIGTERM ends it. ADDRESS may be a
// Unix socket's, too: `unix:/path`.

import AsyncSockets
import ExampleSupport
import ServiceSupport
import SocketService

await runExample("HotRestart [ADDRESS]", arguments: 1) { arguments in
    let address = arguments.first ?? "127.0.0.1:9999"
    if address.hasPrefix("unix:") {
        let listener = try UnixListener.inherited(named: "echo") ?? .bind(to: address)
        try await echo(on: listener) {
            [try SharedSocket(of: listener, named: "echo")]
        }
    } else {
        let listener = try TCPListener.inherited(named: "echo") ?? .bind(to: address)
        try await echo(on: listener) {
            [try SharedSocket(of: listener, named: "echo")]
        }
    }
}

/// Serves until it is time to leave, or until that fails for good.
func echo<Listener: StreamListener>(
    on listener: Listener,
    passing sockets: @escaping @Sendable () throws -> [SharedSocket]
) async throws {
    let restarts = Signal.notifications(of: .user2)
    // A second SIGTERM or Control-C does not wait for the clients.
    try await withCancellation(on: .terminate, .interrupt) {
        try await withThrowingTaskGroup { tasks in
            tasks.addTask {
                try await serve(listener) { connection in
                    for try await chunk in connection {
                        try await connection.write(chunk)
                    }
                }
            }
            tasks.addTask { _ = await waitUntilReplaced(on: restarts, passing: sockets) }
            say("listening on \(listener.localAddress)")
            try ServiceManager.notify(.ready)

            try await tasks.next()
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }
}
