// UDPEcho [ADDRESS]: sends every datagram back to where it came from.

import AsyncSockets
internal import Glibc

let arguments = CommandLine.arguments.dropFirst()
let address = arguments.first ?? "127.0.0.1:9999"
guard arguments.count <= 1, !address.hasPrefix("-") else {
    complain("usage: UDPEcho [ADDRESS]", exitWith: 2)
}

do {
    let socket = try UDPSocket.bind(to: address)
    say("listening on \(socket.localAddress ?? .unixUnnamed)")
    // Child tasks run on the event loops; the top level of a program runs on the main thread.
    try await withEventLoops {
        async let echoing: Void = echo(socket)
        try await echoing
    }
} catch {
    complain("UDPEcho: \(error)", exitWith: 1)
}

func echo(_ socket: UDPSocket) async throws {
    while true {
        do {
            for try await datagram in socket {
                try await socket.send(datagram.bytes, to: datagram.source)
            }
        } catch let error as SocketError where error.operation == .send {
            // One answer could not be sent; the socket and the others are well.
            complain("\(error)")
        }
    }
}

func say(_ line: String) {
    print(line)
    fflush(nil)
}

func complain(_ line: String) {
    var line = line + "\n"
    line.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
}

func complain(_ line: String, exitWith status: CInt) -> Never {
    complain(line)
    exit(status)
}
