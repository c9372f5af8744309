// What sockets look like in a log: their kind, where they are and whom they talk to.

extension StreamConnection: CustomStringConvertible {
    /// `TCPConnection 127.0.0.1:9999 to 127.0.0.1:51234`; without the own address once it is
    /// closed.
    public final var description: String { text(of: self, at: localAddress, to: remoteAddress) }
}

extension TCPListener: CustomStringConvertible {
    /// `TCPListener 127.0.0.1:9999`, with every address that it listens at.
    public var description: String {
        "TCPListener " + localAddresses.map(\.description).joined(separator: ", ")
    }
}

extension UnixSocketListener: CustomStringConvertible {
    /// `UnixListener unix:/run/example.sock`
    public final var description: String { text(of: self, at: localAddress) }
}

extension UDPSocket: CustomStringConvertible {
    /// `UDPSocket 127.0.0.1:9999`, and `to` its peer where it has one; without the own address once
    /// it is closed.
    public var description: String { text(of: self, at: localAddress, to: remoteAddress) }
}

extension UnixMessageSocket: CustomStringConvertible {
    /// `UnixDatagramSocket unix:/run/example.sock`, and `to` its peer where it has one; without the
    /// own address once it is closed.
    public final var description: String { text(of: self, at: localAddress, to: remoteAddress) }
}

private func text(
    of socket: AnyObject,
    at local: SocketAddress?,
    to remote: SocketAddress? = nil
) -> String {
    var text = "\(type(of: socket))"
    if let local { text += " \(local)" }
    if let remote { text += " to \(remote)" }
    return text
}
