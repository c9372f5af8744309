// One message a second to the members of a group, or what arrives for it; until SIGINT or SIGTERM.
//
//     swift run Multicast receive &
//     swift run Multicast send
//
// An IPv6 group of a link may name its interface itself: `Multicast send [ff02::1:5%eth0]:9999`.
import AsyncSockets
import ExampleSupport

await runExample("Multicast send|receive [GROUP:PORT] [INTERFACE]", arguments: 3) { arguments in
    let group = try Group(
        arguments.count > 1 ? arguments[1] : "239.0.0.10:9999",
        on: arguments.count > 2 ? arguments[2] : nil
    )
    switch arguments.first {
    case "send":
        // A sender need not be a member.
        let options = UDPOptions(multicastInterface: group.interface)
        let socket = try UDPSocket.bind(to: group.senderAddress, options: options)
        try await withCancellation(on: .interrupt, .terminate) {
            try await sendMessages(from: socket, to: group.address)
        }
    case "receive":
        // Bound to the group itself, nothing else that is sent to the port arrives. Several members
        // on one machine share the port.
        let socket = try UDPSocket.bind(to: group.address, options: UDPOptions(reuseAddress: true))
        try socket.join(group.ip, on: group.interface)
        try await withCancellation(on: .interrupt, .terminate) {
            try await printMessages(of: socket)
        }
    default:
        throw WrongArguments()
    }
}
