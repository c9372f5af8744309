public import AsyncSockets

/// Sends `message 1`, `message 2` and so on, one a second, until it is cancelled.
///
/// - Parameters:
///   - socket: The sender.
///   - address: The destination.
/// - Throws: What `send` throws, or `CancellationError`.
public func sendMessages(from socket: UDPSocket, to address: SocketAddress) async throws {
    for number in 1... {
        try await socket.send("message \(number)", to: address)
        say("sent message \(number)")
        try await Task.sleep(for: .seconds(1))
    }
}

/// Prints each datagram that arrives, `SOURCE: TEXT`, until it is cancelled.
///
/// - Parameter socket: What receives.
/// - Throws: What receiving throws, or `CancellationError`.
public func printMessages(of socket: UDPSocket) async throws {
    if let address = socket.localAddress { say("listening on \(address)") }
    for try await datagram in socket {
        say("\(datagram.source): " + printable(String(decoding: datagram.bytes, as: UTF8.self)))
    }
}
