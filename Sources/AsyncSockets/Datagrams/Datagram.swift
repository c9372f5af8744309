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
        guard let control else { return DatagramMetadata() }
        return DatagramMetadata(control.packet, isIncomplete: control.isTruncated)
    }
}

extension Datagram {
    /// A datagram that no socket received, such as for a test of what a program does with one.
    ///
    /// - Parameters:
    ///   - bytes: What it carries.
    ///   - source: Who sent it.
    ///   - length: How many bytes were sent; nil for as many as there are.
    public init(_ bytes: [UInt8], from source: SocketAddress, length: Int? = nil) {
        self.init(
            bytes: bytes,
            source: source,
            length: max(length ?? bytes.count, bytes.count),
            control: nil
        )
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
    public internal(set) var count = 0

    /// How many bytes were sent: more than `count` where the buffer was too small.
    public internal(set) var length = 0

    /// Who sent it.
    public internal(set) var source = SocketAddress.unixUnnamed

    /// What the kernel said of the datagram, as far as the socket was asked to know it; see
    /// ``UDPOptions/metadata``.
    public internal(set) var metadata = DatagramMetadata()

    /// To be filled in by a receive.
    @usableFromInline
    init() {}

    /// Whether only the beginning of the datagram is in the buffer. The rest is lost.
    public var truncated: Bool { length > count }
}
