// A small HTTP/1.1 server that is fit for operation: alone, as supervised workers, under systemd.
//
//     HTTPHello [ADDRESS] [WORKERS]
//
// SIGTERM and SIGINT let clients finish. Without WORKERS, or with 0, SIGUSR2 starts the program anew,
// which takes the socket over; with WORKERS, SIGHUP replaces them one by one.

import AsyncSockets
import ExampleSupport

await runExample("HTTPHello [ADDRESS] [WORKERS]", arguments: 2) { arguments in
    guard let workers = Int(arguments.dropFirst().first ?? "0"), workers >= 0 else {
        throw WrongArguments()
    }
    let address = arguments.first ?? "127.0.0.1:8080"
    if workers == 0 || WorkerProcesses.isWorker {
        let listener = try TCPListener.inherited(named: "http") ?? .bind(to: address)
        // A worker is replaced by its supervisor, not by itself.
        return try await work(on: listener, replacingItself: !WorkerProcesses.isWorker)
    }
    let socket = try SharedSocket.listen(at: address, named: "http")
    let options = WorkerOptions(count: workers, readyWithin: .seconds(10)) { say("\($0)") }
    try await untilAskedToLeave {
        say("listening on \(socket.localAddress)")
        try await WorkerProcesses(sharing: [socket], options: options).run()
    }
}

func work(on listener: TCPListener, replacingItself: Bool) async throws {
    let hello = Hello()
    var awaited: [Signal] = [.terminate, .interrupt]
    if replacingItself { awaited.append(.user2) }
    let signals = Signal.notifications(of: awaited)
    let server = Task {
        try await serve(listener) { connection in try await hello.serve(connection) }
    }
    say("listening on \(listener.localAddress)")
    try ServiceManager.notify(.ready)

    if await isReplaced(on: signals, listener) == false {
        // Not for one that is replaced: the service goes on.
        _ = try? ServiceManager.notify(.stopping)
    }
    // Clients that are busy learn with their next answer that they must connect anew; those that
    // are idle have a moment for a request that may be on its way.
    hello.leave()
    listener.close()
    let patience = Task {
        try await Task.sleep(for: .seconds(2))
        server.cancel()
    }
    try await server.value
    patience.cancel()
}

/// Waits until it is time to leave: true where a new version of the program has taken over.
func isReplaced(on signals: SignalNotifications, _ listener: TCPListener) async -> Bool {
    let restart = HotRestart()
    for await signal in signals {
        guard signal == .user2 else { break }
        do {
            let socket = try SharedSocket(of: listener, named: "http")
            say("process \(try await restart.start(passing: [socket])) has taken over")
            return true
        } catch {
            say("serving on: \(error)")
        }
    }
    return false
}
