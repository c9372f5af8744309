// Sends every datagram back to its source, until SIGINT or SIGTERM.
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
                    try await socket.send(datagram.bytes, to: datagram.source)
                } catch let error as SocketError {
                    // One answer could not be sent; the socket and the others are well.
                    complain("\(error)")
                }
            }
        }
    }
}
