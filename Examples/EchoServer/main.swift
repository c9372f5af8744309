// Sends back what each client sends, until SIGINT or SIGTERM; then lets the clients finish.
import AsyncSockets
import ExampleSupport

await runExample("EchoServer [ADDRESS]", arguments: 1) { arguments in
    let address = arguments.first ?? "127.0.0.1:9999"
    let options = ServeOptions { client, error in complain("\(client): \(error)") }
    try await withCancellation(on: .interrupt, .terminate) {
        try await serve(at: address, options: options, ready: { say("listening on \($0)") }) {
            connection in
            for try await chunk in connection {
                try await connection.write(chunk)
            }
        }
    }
}
