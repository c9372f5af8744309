package import SocketSystem

/// Reads what has arrived into an array of just that size.
///
/// Small chunks go through the loop's scratch buffer, so that nothing is allocated before the
/// bytes are there, and no more than they need. Where the last chunk was large, so may this one
/// be: it is read straight into its array, which saves the copy.
///
/// - Parameters:
///   - socket: The stream.
///   - expected: The size of the last chunk.
///   - style: How the socket is read.
/// - Returns: An empty array at the end of the stream.
package func receiveChunk(
    from socket: CInt,
    expected: Int,
    _ style: ReadStyle = .plain
) -> Attempt<[UInt8]> {
    if expected <= largestCopiedChunk,
        let attempt = EventLoop.withCurrent({
            receiveChunk(from: socket, through: $0.scratch, style)
        })
    {
        return attempt
    }
    let capacity = min(max(2 * expected, 8 * 1024), largestChunk)
    let (bytes, transfer) = receiveArray(from: socket, capacity: capacity, style)
    guard let count = transfer.count else { return Attempt(failureOf: transfer) }
    // An array that the user may keep must not hold much more memory than it shows.
    let chunk = count < capacity / 2 ? [UInt8](bytes[...]) : bytes
    return Attempt(chunk, drained: transfer.emptied(capacity))
}

private func receiveChunk(
    from socket: CInt,
    through scratch: borrowing ScratchBuffer,
    _ style: ReadStyle
) -> Attempt<[UInt8]> {
    let transfer = receive(from: socket, into: scratch, style)
    guard let count = transfer.count else { return Attempt(failureOf: transfer) }
    return Attempt(scratch.copy(first: count), drained: transfer.emptied(scratch.size))
}

/// Copying this many bytes costs less than what it saves.
private let largestCopiedChunk = 16 * 1024

/// More does not make bulk transfer faster, and this much the allocator still reuses.
private let largestChunk = 256 * 1024

extension Transfer {
    /// Whether a read into `capacity` bytes left nothing in the socket. The end of a stream stays.
    @inline(__always)
    package func emptied(_ capacity: Int) -> Bool {
        guard let count else { return false }
        return count > 0 && count < capacity && !stoppedEarly
    }
}

extension Attempt {
    @inline(__always)
    package init(_ value: Value, drained: Bool) {
        self = drained ? .drained(value) : .undrained(value)
    }

    /// What a transfer that has no count means.
    package init(failureOf transfer: Transfer) {
        self = transfer.mustWait ? .mustWait : .failed(transfer.errno)
    }
}
