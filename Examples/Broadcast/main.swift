// Broadcast send|receive [ADDRESS]: one message a second to everybody on a network, or what
// arrives from there.

import AsyncSockets
internal import Glibc

let usage = "usage: Broadcast send|receive [ADDRESS]"
let arguments = Array(CommandLine.arguments.dropFirst())
guard (1...2).contains(arguments.count), ["send", "receive"].contains(arguments[0]) else {
    complain(usage, exitWith: 2)
}

do {
    // On the loopback network; `Broadcast send 192.0.2.255:9999` reaches all of 192.0.2.0/24.
    let address = try SocketAddress(arguments.count > 1 ? arguments[1] : "127.255.255.255:9999")
    try await withEventLoops {
        async let work: Void = arguments[0] == "send" ? send(to: address) : receive(at: address)
        try await work
    }
} catch {
    complain("Broadcast: \(error)", exitWith: 1)
}

func send(to address: SocketAddress) async throws {
    // Without permission the kernel refuses to send to a broadcast address.
    let socket = try UDPSocket.bind(to: "0.0.0.0:0", options: UDPOptions(broadcast: true))
    var number = 1
    while true {
        try await socket.send("message \(number)", to: address)
        say("sent message \(number)")
        number += 1
        try await Task.sleep(for: .seconds(1))
    }
}

func receive(at address: SocketAddress) async throws {
    // Several receivers on one machine share the port.
    let options = UDPOptions(reuseAddress: true)
    let socket = try UDPSocket.bind(to: address, options: options)
    say("listening on \(address)")
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
