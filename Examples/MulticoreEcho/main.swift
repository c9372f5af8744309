// An echo server with a loop and a listening socket for each processor: the loops share nothing.
//
//     MulticoreEcho [ADDRESS]

import AsyncSockets

let arguments = CommandLine.arguments.dropFirst()
if arguments.count > 1 { leave("usage: MulticoreEcho [ADDRESS]", status: 2) }
let address = arguments.first ?? "127.0.0.1:9999"
let options = ServeOptions(listening: ListenOptions(shards: .perLoop))

let server = Task {
    do {
        try await serve(at: address, options: options, ready: { say("listening on \($0)") }) {
            connection in
            for try await chunk in connection {
                try await connection.write(chunk)
            }
        }
    } catch {
        leave("\(error)", status: 1)
    }
}
let signals = Task {
    for await _ in Signal.notifications(of: .interrupt, .terminate) { server.cancel() }
}
await server.value
signals.cancel()
