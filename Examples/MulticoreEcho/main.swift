// An echo server with a loop and a listening socket for each processor: the loops share nothing.
//
//     MulticoreEcho [ADDRESS]

import AsyncSockets
import ExampleSupport

await runExample("MulticoreEcho [ADDRESS]", arguments: 1) { arguments in
    let address = arguments.first ?? "127.0.0.1:9999"
    let options = ServeOptions(listening: ListenOptions(shards: .perLoop))
    try await withCancellation(on: .interrupt, .terminate) {
        try await serve(at: address, options: options, ready: { say("listening on \($0)") }) {
            connection in
            for try await chunk in connection {
                try await connection.write(chunk)
            }
        }
    }
}
