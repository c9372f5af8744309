public import AsyncSockets

/// Sends `message 1`, `message 2` and so on, one a second, until it is cancelled.
///
/// - Parameters:
///   - socket: The sender.
///   - address: The destination.
/// - Throws: What `send` throws, or `CancellationError`.
public func sendMessages(from socket: UDPSocket, to address: SocketAddress) async throws {
    for number in 1... {
        do {
            try await socket.send("message \(number)", to: address)
            say("sent message \(number)")
        } catch let error as SocketError {
            // The network may be back for the next one.
            complain("\(error)")
        }
        try await Task.sleep(for: .seconds(1))
    }
}

/// Prints each datagram that arrives, `SOURCE: TEXT`, until it is cancelled.
///
/// - Parameter socket: What receives.
/// - Throws: What receiving throws, or `CancellationError`.
public func printMessages(of socket: UDPSocket) async throws {
    if let address = socket.localAddress { say("listening on \(address)") }
    // What had arrived when it was cancelled waits in the socket.
    defer { for datagram in (try? socket.receiveQueued()) ?? [] { printMessage(datagram) } }
    for try await datagram in socket { printMessage(datagram) }
}

private func printMessage(_ datagram: Datagram) {
    say("\(datagram.source): " + printable(String(decoding: datagram.bytes, as: UTF8.self)))
}
