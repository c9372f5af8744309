// Sends back what each client of a Unix socket sends, until SIGINT or SIGTERM.
//
//     swift run UnixEcho /tmp/echo.sock
//     socat - UNIX-CONNECT:/tmp/echo.sock
import AsyncSockets
import ExampleSupport

await runExample("UnixEcho [PATH]", arguments: 1) { arguments in
    let path = arguments.first ?? "/tmp/echo.sock"
    // Only this user may connect, from the first moment on.
    let options = ListenOptions(socketFile: SocketFileOptions(permissions: 0o600))
    let listener = try UnixListener.bind(to: .unix(path: path), options: options)
    try await withCancellation(on: .interrupt, .terminate) {
        say("listening on " + printable(path))
        try await serve(listener) { connection in
            for try await chunk in connection {
                try await connection.write(chunk)
            }
        }
    }
}
