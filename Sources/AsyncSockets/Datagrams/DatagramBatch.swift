internal import SocketSystem

/// Memory for many datagrams, which one system call receives or sends.
///
/// ```swift
/// let batch = DatagramBatch()
/// while true {
///     try await socket.receive(into: batch)
///     try await socket.send(batch)  // each back to where it came from
/// }
/// ```
///
/// A batch can be used again and again, by one task at a time.
public final class DatagramBatch {
    /// Bytes, addresses and control data.
    let messages: MessageBatch
    /// The number of datagrams that fit.
    public let capacity: Int
    /// The number of bytes that fit into each.
    public let datagramSize: Int
    /// The number of entries.
    public private(set) var count = 0
    /// The number of entries, from the first on, that the last send has sent.
    public internal(set) var sentCount = 0
    /// The segment sizes of the entries, once an entry has had one; 0 for a single datagram and
    /// past the last entry.
    private var segmentSizes: [Int] = []
    /// The control data that gives the kernel a segment size, with that size: the next one is most
    /// often the same.
    private var lastControl: (size: UInt16, bytes: [UInt8]) = (0, [])
    /// Whether the entries are still as a receive left them.
    private var isReceived = false

    /// Reserves the memory.
    ///
    /// - Parameters:
    ///   - capacity: The number of datagrams, 1...1024; the kernel takes no more at once.
    ///   - datagramSize: The number of bytes that fit into each, 1...65535. A longer datagram is
    ///     truncated when it is received. Use 65535 for sockets that join segments.
    public init(capacity: Int = 64, datagramSize: Int = 2048) {
        self.capacity = min(max(capacity, 1), 1024)
        self.datagramSize = min(max(datagramSize, 1), 65_535)
        messages = MessageBatch(
            capacity: self.capacity,
            messageSize: self.datagramSize,
            controlSize: 512
        )
    }

    /// The entries' positions.
    public var indices: Range<Int> { 0..<count }

    /// Whether there are no entries.
    public var isEmpty: Bool { count == 0 }

    /// Removes all entries.
    public func removeAll() {
        for index in 0..<min(count, segmentSizes.count) { segmentSizes[index] = 0 }
        count = 0
        sentCount = 0
        isReceived = false
    }
}

// MARK: - Entries

extension DatagramBatch {
    /// Adds a datagram to be sent.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - address: The destination; nil means the connected peer.
    ///   - segmentSize: If given, the kernel cuts the bytes into datagrams of this size, 64 at
    ///     most.
    /// - Returns: False if the batch is full or the bytes do not fit; nothing was added then.
    /// - Throws: `SocketError`: `.invalidArgument` if no datagram can have the segment size, or if
    ///   there would be more than 64 segments. Nothing was added then.
    public func append(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        segmentSize: Int? = nil
    ) throws(SocketError) -> Bool {
        let size = try Self.segmentSize(segmentSize, of: bytes.count)
        guard count < capacity else { return false }
        if isReceived { prepareReceived() }
        let cuts = size > 0 && Int(size) < bytes.count
        let fits = messages.set(
            count,
            bytes: bytes,
            address: address?.storage,
            control: cuts ? control(segmentSize: size) : []
        )
        guard fits else { return false }
        if cuts { setSegmentSize(Int(size), at: count) }
        count += 1
        return true
    }

    /// Adds a datagram to be sent; as for a span.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - address: The destination; nil means the connected peer.
    ///   - segmentSize: If given, the kernel cuts the bytes into datagrams of this size.
    /// - Returns: False if the batch is full or the bytes do not fit; nothing was added then.
    /// - Throws: As for a span.
    public func append(
        _ bytes: [UInt8],
        to address: SocketAddress?,
        segmentSize: Int? = nil
    ) throws(SocketError) -> Bool {
        try append(bytes.span, to: address, segmentSize: segmentSize)
    }

    /// A segment size in the kernel's form; 0 for none.
    private static func segmentSize(
        _ size: Int?,
        of count: Int
    ) throws(SocketError) -> UInt16 {
        guard let size else { return 0 }
        let reason: String
        if !(1...65_507).contains(size) {
            reason = "datagrams cannot have \(size) bytes each"
        } else if (count - 1) / size >= 64 {
            reason = "\(count) bytes are more than 64 datagrams of \(size)"
        } else {
            return UInt16(size)
        }
        throw SocketError(.send, code: .invalidArgument, reason: reason)
    }

    /// A copy of an entry.
    public subscript(index: Int) -> Datagram {
        check(index)
        return Datagram(
            bytes: messages.copy(index),
            source: address(at: index) ?? .unixUnnamed,
            length: messages.length(of: index),
            control: isReceived ? ReceivedControl(index, of: messages) : nil
        )
    }

    /// Lends an entry's bytes to a body.
    ///
    /// - Parameters:
    ///   - index: The entry's position.
    ///   - body: Reads the bytes.
    /// - Returns: The body's result.
    /// - Throws: The body's error.
    public func withBytes<Result, Failure: Error>(
        at index: Int,
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        check(index)
        return try messages.withBytes(of: index, body)
    }

    /// The number of bytes of an entry in this batch.
    public func byteCount(at index: Int) -> Int {
        check(index)
        return messages.count(of: index)
    }

    /// The number of bytes that an entry had when it was sent: more than `byteCount(at:)` if it was
    /// truncated.
    public func length(at index: Int) -> Int {
        check(index)
        return messages.length(of: index)
    }

    /// The source of a received entry, or the destination of one to be sent; nil for the connected
    /// peer.
    public func address(at index: Int) -> SocketAddress? {
        check(index)
        return SocketAddress(messages.address(of: index))
    }

    /// Changes an entry's destination, for example to send a received one elsewhere than back.
    ///
    /// - Parameters:
    ///   - address: The destination; nil means the connected peer.
    ///   - index: The entry's position.
    public func setAddress(_ address: SocketAddress?, at index: Int) {
        check(index)
        messages.set(address: address?.storage, of: index)
    }

    /// The size of the datagrams in an entry that holds several; the last may be shorter. Nil for a
    /// single datagram. When such an entry is sent on, the kernel cuts it into the same datagrams.
    public func segmentSize(at index: Int) -> Int? {
        check(index)
        guard index < segmentSizes.count, segmentSizes[index] > 0 else { return nil }
        return segmentSizes[index]
    }

    /// The kernel's facts about an entry, of the kinds that the socket was asked for. They are
    /// forgotten when the entry is sent.
    public func metadata(at index: Int) -> DatagramMetadata {
        check(index)
        guard isReceived else { return DatagramMetadata() }
        return DatagramMetadata(index, of: messages)
    }

    private func check(_ index: Int) {
        precondition(index >= 0 && index < count, "no entry has the index \(index)")
    }
}

// MARK: - For the socket

extension DatagramBatch {
    /// Takes over the messages that a system call put into `messages`.
    func received(_ count: Int) {
        self.count = count
        isReceived = true
        for index in 0..<count {
            if let size = messages.segmentSize(of: index) { setSegmentSize(size, at: index) }
        }
    }

    /// Prepares the entries from `first` on to be sent.
    func prepareToSend(from first: Int) {
        if isReceived { prepareReceived() }
        sentCount = min(max(first, 0), count)
    }

    /// Turns received entries into entries to be sent.
    private func prepareReceived() {
        isReceived = false
        for index in 0..<count {
            let size = segmentSize(at: index).flatMap { UInt16(exactly: $0) }
            messages.prepare(
                index,
                count: messages.count(of: index),
                control: size.map { control(segmentSize: $0) } ?? []
            )
        }
    }

    private func setSegmentSize(_ size: Int, at index: Int) {
        if segmentSizes.isEmpty { segmentSizes = [Int](repeating: 0, count: capacity) }
        segmentSizes[index] = size
    }

    private func control(segmentSize: UInt16) -> [UInt8] {
        if lastControl.size == segmentSize { return lastControl.bytes }
        var builder = ControlBuilder()
        builder.append(segmentSize: segmentSize)
        lastControl = (segmentSize, builder.bytes)
        return builder.bytes
    }
}

@available(*, unavailable)
extension DatagramBatch: Sendable {}
