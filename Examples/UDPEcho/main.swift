// Sends every datagram back to its source, until SIGINT or SIGTERM.
//
// A source can be forged. An answer to a server that answers, such as itself or an echo server of
// the machine's own, would go to and fro for ever. So sources with its own port, or with one below
// 1024, where such servers are, get none.
//
//     swift run UDPEcho 127.0.0.1:9999
//     nc -u 127.0.0.1 9999
import AsyncSockets
import ExampleSupport

await runExample("UDPEcho [ADDRESS]", arguments: 1) { arguments in
    let address = try SocketAddress(arguments.first ?? "127.0.0.1:9999")
    let socket = try UDPSocket.bind(to: address)
    try await withCancellation(on: .interrupt, .terminate) {
        say("listening on \(socket.localAddress ?? address)")
        try await withEventLoops {
            for try await datagram in socket {
                do {
                    try await answer(datagram, by: socket)
                } catch is CancellationError {
                    // The one in hand; a task of its own is not cancelled.
                    await Task { try? await answer(datagram, by: socket) }.value
                }
            }
        }
    }
    // What had arrived when it was told to end.
    for datagram in try socket.receiveQueued() { try await answer(datagram, by: socket) }
}

func answer(_ datagram: Datagram, by socket: UDPSocket) async throws {
    guard let port = datagram.source.port, port >= 1024, port != socket.localAddress?.port else {
        return
    }
    do {
        try await socket.send(datagram.bytes, to: datagram.source)
    } catch let error as SocketError {
        // One answer could not be sent; the socket and the others are well.
        complain("\(error)")
    }
}
