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
        let ownPort = socket.localAddress?.port
        try await withEventLoops {
            for try await datagram in socket {
                guard let port = datagram.source.port, port >= 1024, port != ownPort else {
                    continue
                }
                do {
                    try await socket.send(datagram.bytes, to: datagram.source)
                } catch let error as SocketError {
                    // One answer could not be sent; the socket and the others are well.
                    complain("\(error)")
                }
            }
        }
    }
}
