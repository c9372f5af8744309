internal import SocketSystem

/// What `receiveChunk` answers.
typealias ReceivedChunk = (bytes: [UInt8], transfer: Transfer, isDrained: Bool)

/// Reads what has arrived into an array of just that size.
///
/// Small chunks go through the loop's scratch buffer, so that nothing is allocated before the
/// bytes are there, and no more than they need. If the last chunk was large, so may this one be: it
/// is read straight into its array, which saves the copy.
///
/// - Parameters:
///   - socket: The stream.
///   - expected: The size of the last chunk.
///   - style: How the socket is read.
/// - Returns: The chunk, empty at the end of the stream; what the call answered; and whether it
///   took all that was there.
func receiveChunk(from socket: CInt, expected: Int, _ style: ReadStyle) -> ReceivedChunk {
    guard expected <= largestCopiedChunk, let buffers = LoopBuffers.current else {
        return receiveLargeChunk(from: socket, expected: expected, style)
    }
    let transfer = receive(from: socket, into: buffers.scratch, style)
    let chunk = buffers.chunk(first: transfer.count ?? 0)
    return (chunk, transfer, transfer.emptied(buffers.scratch.size))
}

private func receiveLargeChunk(
    from socket: CInt,
    expected: Int,
    _ style: ReadStyle
) -> ReceivedChunk {
    let capacity = min(max(2 * expected, 8 * 1024), largestChunk)
    let (bytes, transfer) = receiveArray(from: socket, capacity: capacity, style)
    let isDrained = transfer.emptied(capacity)
    // An array that the user may keep must not hold much more memory than it shows.
    if bytes.count < capacity / 2 { return ([UInt8](bytes[...]), transfer, isDrained) }
    return (bytes, transfer, isDrained)
}

/// Copying this many bytes costs less than what it saves.
private let largestCopiedChunk = 16 * 1024

/// More does not make bulk transfer faster, and this much the allocator still reuses.
private let largestChunk = 256 * 1024

extension Transfer {
    /// Whether a read into `capacity` bytes left nothing in the socket. The end of a stream stays.
    @inline(__always)
    func emptied(_ capacity: Int) -> Bool {
        guard let count else { return false }
        return count > 0 && count < capacity && !stoppedEarly
    }
}
