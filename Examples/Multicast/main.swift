// Multicast send|receive [GROUP:PORT] [INTERFACE]: one message a second to the members of a group,
// or what arrives for it.

import AsyncSockets
internal import Glibc

let usage = "usage: Multicast send|receive [GROUP:PORT] [INTERFACE]"
let arguments = Array(CommandLine.arguments.dropFirst())
guard (1...3).contains(arguments.count), ["send", "receive"].contains(arguments[0]) else {
    complain(usage, exitWith: 2)
}

do {
    let group = try SocketAddress(arguments.count > 1 ? arguments[1] : "239.0.0.10:9999")
    let interface: NetworkInterface =
        try arguments.count > 2 ? .named(arguments[2]) : .loopback
    try await withEventLoops {
        async let work: Void =
            arguments[0] == "send"
            ? send(to: group, on: interface) : receive(group, on: interface)
        try await work
    }
} catch {
    complain("Multicast: \(error)", exitWith: 1)
}

func send(to group: SocketAddress, on interface: NetworkInterface) async throws {
    let isIPv6 = group.family == .ipv6
    // From the interface's own address, where it has one of the group's kind.
    let own = interface.addresses.lazy.map { SocketAddress($0.ip, port: 0) }
        .first { $0.family == group.family }
    let any = try SocketAddress(isIPv6 ? "[::]:0" : "0.0.0.0:0")
    let socket = try UDPSocket.bind(to: own ?? any)
    if isIPv6 {
        try socket.set(.multicastInterfaceIPv6, to: interface.index)
    } else {
        try socket.set(.multicastInterface, to: interface.index)
    }
    var number = 1
    while true {
        try await socket.send("message \(number)", to: group)
        say("sent message \(number)")
        number += 1
        try await Task.sleep(for: .seconds(1))
    }
}

func receive(_ group: SocketAddress, on interface: NetworkInterface) async throws {
    guard let ip = group.ip else { complain(usage, exitWith: 2) }
    // Bound to the group itself, nothing else that is sent to the port arrives. Several members on
    // one machine share the port.
    let socket = try UDPSocket.bind(to: group, options: UDPOptions(reuseAddress: true))
    try socket.join(ip, on: interface)
    say("listening on \(group)")
    for try await datagram in socket {
        say("\(datagram.source): \(String(decoding: datagram.bytes, as: UTF8.self))")
    }
}

func say(_ line: String) {
    print(line)
    fflush(nil)
}

func complain(_ line: String, exitWith status: CInt) -> Never {
    var line = line + "\n"
    line.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
    exit(status)
}
