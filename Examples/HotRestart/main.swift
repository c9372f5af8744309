// An echo server that can be replaced by a new version of itself while it serves.
//
//     HotRestart [ADDRESS]
//
// SIGUSR2 starts the program's file again, which takes the listening socket over; when the new one
// is ready, the old one finishes with its clients and leaves. SIGTERM ends it.

import AsyncSockets
import ExampleSupport

await runExample("HotRestart [ADDRESS]", arguments: 1) { arguments in
    let listener =
        try TCPListener.inherited(named: "echo")
        ?? .bind(to: arguments.first ?? "127.0.0.1:9999")
    let signals = Signal.notifications(of: .terminate, .interrupt, .user2)
    let server = Task {
        try await serve(listener) { connection in
            for try await chunk in connection {
                try await connection.write(chunk)
            }
        }
    }
    say("listening on \(listener.localAddress)")
    try ServiceManager.notify(.ready)

    let restart = HotRestart()
    for await signal in signals {
        guard signal == .user2 else { break }
        do {
            let socket = try SharedSocket(of: listener, named: "echo")
            say("process \(try await restart.start(passing: [socket])) has taken over")
            break
        } catch {
            say("serving on: \(error)")
        }
    }
    server.cancel()
    try await server.value
}
