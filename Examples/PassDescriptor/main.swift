// PassDescriptor give SOCKET FILE      opens a file and gives it to the next client
// PassDescriptor listen SOCKET ADDRESS listens at an address and gives the listening socket away
// PassDescriptor take SOCKET           takes what is given: prints a file, or serves an echo
//
// One process has the right to open something, another one works with it:
//
//     PassDescriptor give /tmp/pass.sock /etc/hostname &
//     PassDescriptor take /tmp/pass.sock

import AsyncSockets
import ExampleSupport
internal import Glibc

await runExample(
    "PassDescriptor give SOCKET FILE | listen SOCKET ADDRESS | take SOCKET",
    arguments: 3
) { arguments in
    switch (arguments.first, arguments.count) {
    case ("give", 3): try await giveFile(arguments[2], at: arguments[1])
    case ("listen", 3): try await giveListener(arguments[2], at: arguments[1])
    case ("take", 2): try await take(from: arguments[1])
    default: throw WrongArguments()
    }
}

/// Waits for one client and gives it a descriptor and a word on what it is.
func give(_ descriptor: OwnedDescriptor, as what: String, at path: String) async throws {
    let listener = try UnixListener.bind(to: .unix(path: path))
    defer { listener.close() }
    say("listening on " + printable(path))
    let connection = try await listener.accept()
    let peer = try connection.peerCredentials
    say("giving a \(what) to process \(peer.processID) of user \(peer.userID)")
    try await connection.write(what, passing: [descriptor])
}

func giveFile(_ name: String, at path: String) async throws {
    let number = openForReading(name)
    guard number >= 0 else { throw Failure(description: "open \(name): errno \(errno)") }
    try await give(OwnedDescriptor(adopting: number), as: "file", at: path)
}

func giveListener(_ address: String, at path: String) async throws {
    let listener = try TCPListener.bind(to: address)
    say("the socket to be given listens on \(listener.localAddress)")
    let descriptor = try listener.duplicateDescriptor()
    // From here on only the other process accepts.
    listener.close()
    try await give(descriptor, as: "listener", at: path)
}

func take(from path: String) async throws {
    let connection = try await UnixConnection.connect(
        to: .unix(path: path),
        options: ConnectOptions(receivesDescriptors: true)
    )
    let message = try await connection.readWithDescriptors()
    guard let message, let descriptor = message.descriptors.first else {
        throw Failure(description: "nothing was given")
    }
    if String(decoding: message.bytes, as: UTF8.self) == "file" {
        try descriptor.withDescriptor(copyToOutput)
        return
    }
    let listener = try descriptor.handOver { number throws(SocketError) in
        try TCPListener(adopting: number)
    }
    try await withCancellation(on: .interrupt, .terminate) {
        say("accepting on \(listener.localAddress)")
        try await serve(listener) { connection in
            for try await chunk in connection { try await connection.write(chunk) }
        }
    }
}

func copyToOutput(_ number: CInt) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = unsafe read(number, &buffer, buffer.count)
        guard count > 0 else { return }
        _ = unsafe write(STDOUT_FILENO, buffer, count)
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
}
