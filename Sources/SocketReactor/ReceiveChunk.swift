package import SocketSystem

/// Reads what has arrived into an array of just that size.
///
/// Small chunks go through the loop's scratch buffer, so that nothing is allocated before the
/// bytes are there, and no more than they need. Where the last chunk was large, so may this one
/// be: it is read straight into its array, which saves the copy.
///
/// - Parameter expected: The size of the last chunk.
/// - Returns: An empty array at the end of the stream.
package func receiveChunk(from socket: CInt, expected: Int) -> Attempt<[UInt8]> {
    if expected <= largestCopiedChunk,
        let attempt = EventLoop.withCurrent({ receiveChunk(from: socket, through: $0.scratch) })
    {
        return attempt
    }
    let capacity = min(max(2 * expected, 8 * 1024), largestChunk)
    let (bytes, transfer) = receiveArray(from: socket, capacity: capacity)
    guard let count = transfer.count else { return Attempt(failureOf: transfer) }
    // An array that the user may keep must not hold much more memory than it shows.
    let chunk = count < capacity / 2 ? [UInt8](bytes[...]) : bytes
    return Attempt(chunk, drained: count > 0 && count < capacity)
}

private func receiveChunk(
    from socket: CInt,
    through scratch: borrowing ScratchBuffer
) -> Attempt<[UInt8]> {
    let transfer = receive(from: socket, into: scratch)
    guard let count = transfer.count else { return Attempt(failureOf: transfer) }
    return Attempt(scratch.copy(first: count), drained: count > 0 && count < scratch.size)
}

/// Copying this many bytes costs less than what it saves.
private let largestCopiedChunk = 16 * 1024

/// More does not make bulk transfer faster, and this much the allocator still reuses.
private let largestChunk = 256 * 1024

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
