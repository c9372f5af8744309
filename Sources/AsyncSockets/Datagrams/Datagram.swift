internal import SocketSystem

/// One datagram that was received.
public struct Datagram: Sendable {
    /// What it carries. May be empty: an empty datagram is a datagram.
    public let bytes: [UInt8]

    /// Who sent it.
    public let source: SocketAddress

    /// How many bytes were sent: more than `bytes` has where it was truncated.
    public let length: Int

    /// What else the kernel said; nil where it said nothing.
    let control: ReceivedControl?

    /// Whether only the beginning of the datagram is here. The rest is lost.
    ///
    /// A UDP socket has room for the largest datagram, so it never truncates by itself; a smaller
    /// buffer of the caller's can.
    public var truncated: Bool { length > bytes.count }

    /// What the kernel said of the datagram, as far as the socket was asked to know it; see
    /// ``UDPOptions/metadata``.
    public var metadata: DatagramMetadata {
        control.map { DatagramMetadata($0.packet) } ?? DatagramMetadata()
    }
}

extension Datagram: CustomStringConvertible {
    /// `5 bytes from 127.0.0.1:9999`
    public var description: String {
        let size = truncated ? "\(bytes.count) of \(length)" : "\(length)"
        return "\(size) bytes from \(source)"
    }
}

/// All of a received datagram but its bytes, which are in the caller's buffer.
public struct DatagramHeader: Sendable {
    /// How many bytes of the buffer are the datagram's; 0 for an empty datagram.
    public let count: Int

    /// How many bytes were sent: more than `count` where the buffer was too small.
    public let length: Int

    /// Who sent it.
    public let source: SocketAddress

    /// What the kernel said of the datagram, as far as the socket was asked to know it; see
    /// ``UDPOptions/metadata``.
    public let metadata: DatagramMetadata

    /// Descriptors and credentials that came with a Unix datagram.
    let control: ReceivedControl?

    /// Whether only the beginning of the datagram is in the buffer. The rest is lost.
    public var truncated: Bool { length > count }
}
