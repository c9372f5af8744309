// A small HTTP/1.1 server that is fit for operation: alone, as supervised workers, under systemd.
//
//     HTTPHello [ADDRESS] [WORKERS]
//
// SIGTERM and SIGINT let clients finish. Without WORKERS, or with 0, SIGUSR2 starts the program
// anew, which takes the socket over; with WORKERS, SIGHUP replaces them one by one.

import AsyncSockets
import ExampleSupport
import ServiceSupport
import SocketService

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
    try await withCancellation(on: .interrupt, .terminate) {
        say("listening on \(socket.localAddress)")
        try await WorkerProcesses(sharing: [socket], options: options).run()
    }
}

func work(on listener: TCPListener, replacingItself: Bool) async throws {
    let hello = Hello()
    var awaited: [Signal] = [.terminate, .interrupt]
    if replacingItself { awaited.append(.user2) }
    let signals = Signal.notifications(of: awaited)
    if let failure = signals.failure { throw failure }
    // The others wait in the kernel's queue.
    let options = ServeOptions(maximumConnections: 1000)
    try await withThrowingTaskGroup(of: Event.self) { tasks in
        tasks.addTask {
            try await serve(listener, options: options) { connection in
                try await hello.serve(connection)
            }
            return .served
        }
        tasks.addTask {
            let isReplaced = await waitUntilReplaced(on: signals) {
                [try SharedSocket(of: listener, named: "http")]
            }
            return isReplaced ? .replaced : .askedToLeave
        }
        say("listening on \(listener.localAddress)")
        try ServiceManager.notify(.ready)

        // A server that fails for good ends all with its error.
        if try await tasks.next() == .askedToLeave {
            // Not for one that is replaced: the service goes on.
            _ = try? ServiceManager.notify(.stopping)
        }
        // Clients that are busy learn with their next answer that they must connect anew; those
        // that are idle have a moment for a request that may be on its way.
        hello.leave()
        listener.close()
        tasks.addTask {
            try? await Task.sleep(for: .seconds(2))
            return .waited
        }
        _ = try await tasks.next()
        tasks.cancelAll()
        try await tasks.waitForAll()
    }
}

enum Event {
    case served, replaced, askedToLeave, waited
}
