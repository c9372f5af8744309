// UnixEcho [PATH]: sends back what each client of a Unix socket sends.
//
// Try it: swift run UnixEcho /tmp/echo.sock, then socat - UNIX-CONNECT:/tmp/echo.sock
// Ends on SIGINT or SIGTERM; the socket's file goes with it.

import AsyncSockets
internal import Glibc

/// Prints a line at once, even into a pipe.
func say(_ line: Any) {
    print(line)
    fflush(nil)
}

let arguments = CommandLine.arguments.dropFirst()
let path = arguments.first ?? "/tmp/echo.sock"
if arguments.count > 1 || path.hasPrefix("-") {
    say("usage: UnixEcho [PATH]")
    exit(2)
}

do {
    // Only this user may connect, from the first moment on.
    let options = ListenOptions(socketFile: SocketFileOptions(permissions: 0o600))
    let listener = try UnixListener.bind(to: .unix(path: path), options: options)
    say("listening on \(path)")
    let server = Task {
        await serve(listener) { connection in
            for try await chunk in connection {
                try await connection.write(chunk)
            }
        }
    }
    for await _ in Signal.notifications(of: .interrupt, .terminate) { break }
    server.cancel()
    await server.value
} catch {
    say(error)
    exit(1)
}
