internal import SocketSystem

/// One received datagram.
public struct Datagram: Sendable {
    /// The content. It may be empty: an empty datagram is a datagram.
    public let bytes: [UInt8]

    /// The sender's address.
    public let source: SocketAddress

    /// The number of bytes that were sent: more than `bytes` has if the datagram was truncated.
    public let length: Int

    /// The kernel's control data; nil if there is none.
    let control: ReceivedControl?

    /// Whether only the beginning of the datagram is here. The rest is lost.
    ///
    /// A UDP socket has room for the largest datagram, so it never truncates by itself; a smaller
    /// buffer of the caller's can.
    public var truncated: Bool { length > bytes.count }

    /// Whether neither bytes nor anything beside them came: on a connection of packets the end.
    var isNothing: Bool { bytes.isEmpty && control == nil }

    /// The kernel's facts about the datagram, of the kinds that the socket was asked for; see
    /// ``UDPOptions/metadata``.
    public var metadata: DatagramMetadata {
        guard let control else { return DatagramMetadata() }
        return DatagramMetadata(control.packet, isIncomplete: control.isTruncated)
    }
}

extension Datagram {
    /// Makes a datagram that no socket received, for example to test a program's handling.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - source: The sender's address.
    ///   - length: The number of bytes that were sent; nil for the count of `bytes`.
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

/// A received datagram without its bytes, which are in the caller's buffer.
public struct DatagramHeader: Sendable {
    /// The number of bytes of the buffer that are the datagram's; 0 for an empty datagram.
    public internal(set) var count = 0

    /// The number of bytes that were sent: more than `count` if the buffer was too small.
    public internal(set) var length = 0

    /// The sender's address.
    public internal(set) var source = SocketAddress.unixUnnamed

    /// The kernel's facts about the datagram, of the kinds that the socket was asked for; see
    /// ``UDPOptions/metadata``.
    public internal(set) var metadata = DatagramMetadata()

    /// Makes an empty header, which a receive fills in.
    @usableFromInline
    init() {}

    /// Whether only the beginning of the datagram is in the buffer. The rest is lost.
    public var truncated: Bool { length > count }
}
