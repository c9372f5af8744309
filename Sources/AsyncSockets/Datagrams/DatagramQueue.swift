internal import SocketSystem

/// Datagrams that were taken from the kernel together and not handed out yet.
///
/// At most one call's yield, so bounded. They stay here when a receive is cancelled.
struct DatagramQueue: Sendable {
    /// What lay in one message: a datagram, or several of equal size that the kernel has joined.
    private struct Message: Sendable {
        let datagram: Datagram
        /// The size of each datagram but the last; 0 for a single one.
        let segmentSize: Int
        /// How many bytes were handed out.
        var offset = 0
    }

    /// The newest first, so that the oldest is cheap to remove.
    private var messages: [Message] = []

    var isEmpty: Bool { messages.isEmpty }

    /// Adds a datagram to be handed out before those that are here.
    mutating func push(_ datagram: Datagram, segmentSize: Int?) {
        var size = segmentSize ?? 0
        if size >= datagram.bytes.count { size = 0 }
        messages.append(Message(datagram: datagram, segmentSize: size))
    }

    /// Makes room for this many datagrams.
    mutating func reserve(_ count: Int) { messages.reserveCapacity(count) }

    /// Takes the oldest datagram; nil where there is none.
    mutating func take() -> Datagram? {
        guard let message = messages.last else { return nil }
        guard message.segmentSize > 0 else {
            removeOldest()
            return message.datagram
        }
        let bytes = message.datagram.bytes
        let end = min(message.offset + message.segmentSize, bytes.count)
        let segment = Datagram(
            bytes: [UInt8](bytes[message.offset..<end]),
            source: message.datagram.source,
            length: end - message.offset,
            control: message.datagram.control
        )
        advance(to: end)
        return segment
    }

    /// Moves the oldest datagram into a caller's buffer; nil where there is none.
    mutating func take(into buffer: inout MutableSpan<UInt8>) -> DatagramHeader? {
        guard let message = messages.last else { return nil }
        let all = message.datagram.bytes
        let end =
            message.segmentSize > 0
            ? min(message.offset + message.segmentSize, all.count) : all.count
        let count = min(end - message.offset, buffer.count)
        for index in 0..<count { buffer[index] = all[message.offset + index] }
        let header = DatagramHeader(
            count: count,
            length: message.segmentSize > 0 ? end - message.offset : message.datagram.length,
            source: message.datagram.source,
            metadata: message.datagram.metadata,
            control: message.datagram.control
        )
        advance(to: end)
        return header
    }

    private mutating func advance(to end: Int) {
        if end >= messages[messages.count - 1].datagram.bytes.count {
            removeOldest()
        } else {
            messages[messages.count - 1].offset = end
        }
    }

    private mutating func removeOldest() {
        messages.removeLast()
        // A socket that is idle holds no memory.
        if messages.isEmpty { messages = [] }
    }
}
