// A client sends a file and says that this was all (the half-close); the server, which learns the
// length of the message only so, answers with its size and checksum.
import AsyncSockets
import ExampleSupport

/// The checksum of zip, gzip and PNG files.
func crc32(_ bytes: [UInt8]) -> UInt32 {
    var sum: UInt32 = ~0
    for byte in bytes {
        sum ^= UInt32(byte)
        for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ 0xedb8_8320 }
    }
    return ~sum
}

@Sendable func answer(_ connection: TCPConnection) async throws {
    var received: [UInt8] = []
    for try await chunk in connection { received += chunk }
    // The client has finished sending, and still listens.
    try await connection.write("\(received.count) bytes, CRC-32 \(crc32(received))\n")
}

await runExample("HalfClose [FILE]", arguments: 1) { arguments in
    let file = try contents(ofFile: arguments.first ?? "/proc/self/exe")
    let listener = try TCPListener.bind(to: "127.0.0.1:0")
    try await withThrowingTaskGroup { tasks in
        tasks.addTask { try await answer(listener.accept()) }

        let connection = try await TCPConnection.connect(to: listener.localAddress)
        try await connection.write(file)
        try connection.shutdown(.write)
        say("sent \(file.count) bytes and finished; the server says:")
        for try await line in connection.lines { say(printable(line)) }
        try await tasks.waitForAll()
    }
}
