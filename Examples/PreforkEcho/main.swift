// An echo server of several processes: each runs the same program and inherits the same socket.
//
//     PreforkEcho [ADDRESS] [WORKERS]
//
// Kill a worker and see it replaced; SIGHUP replaces all, one by one; SIGTERM and SIGINT let them
// finish. The supervisor may itself inherit the socket, such as from systemd.

import AsyncSockets
import ExampleSupport
import SocketService

await runExample("PreforkEcho [ADDRESS] [WORKERS]", arguments: 2) { arguments in
    guard let workers = Int(arguments.dropFirst().first ?? "2"), workers > 0 else {
        throw WrongArguments()
    }
    let address = arguments.first ?? "127.0.0.1:9999"
    if WorkerProcesses.isWorker {
        return try await work(on: .inherited(named: "echo") ?? .bind(to: address))
    }
    let socket = try SharedSocket.listen(at: address, named: "echo")
    let options = WorkerOptions(count: workers, readyWithin: .seconds(10)) { say("\($0)") }
    // The signals are handled before the program prints that it listens.
    try await withCancellation(on: .interrupt, .terminate) {
        say("listening on \(socket.localAddress)")
        try await WorkerProcesses(sharing: [socket], options: options).run()
    }
}

func work(on listener: TCPListener) async throws {
    try await withCancellation(on: .interrupt, .terminate) {
        try ServiceManager.notify(.ready)
        try await serve(listener) { connection in
            for try await chunk in connection {
                try await connection.write(chunk)
            }
        }
    }
}
