// Sends one message a second to every machine on a network, or prints arriving ones; until SIGINT
// or SIGTERM.
//
//     swift run Broadcast receive &
//     swift run Broadcast send
//
// Without an ADDRESS that is the loopback network. `Broadcast send 192.0.2.255:9999` reaches all of
// 192.0.2.0/24.
import AsyncSockets
import ExampleSupport

await runExample("Broadcast send|receive [ADDRESS]", arguments: 2) { arguments in
    let address = try SocketAddress(arguments.dropFirst().first ?? "127.255.255.255:9999")
    guard address.family == .ipv4 else { throw WrongArguments("only IPv4 has broadcast") }
    switch arguments.first {
    case "send":
        // Without permission the kernel refuses to send to a broadcast address.
        let socket = try UDPSocket.bind(to: "0.0.0.0:0", options: UDPOptions(broadcast: true))
        try await withCancellation(on: .interrupt, .terminate) {
            try await sendMessages(from: socket, to: address)
        }
    case "receive":
        // Several receivers on one machine share the port.
        let socket = try UDPSocket.bind(to: address, options: UDPOptions(reuseAddress: true))
        try await withCancellation(on: .interrupt, .terminate) {
            try await printMessages(of: socket)
        }
    default:
        throw WrongArguments()
    }
}
