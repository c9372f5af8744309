internal import CSocketSystem

/// Reads what a Unix stream has, with what was passed along, recvmsg(2).
///
/// The kernel ends a read behind a message that carries descriptors.
///
/// - Parameters:
///   - socket: The stream.
///   - scratch: What the bytes are read into before they are copied.
///   - limit: How many bytes are taken at most; positive.
/// - Returns: The bytes; the control data, if there was any; and how it went.
package func receiveUnixMessage(
    from socket: CInt,
    through scratch: borrowing ScratchBuffer,
    atMost limit: Int
) -> ([UInt8], ReceivedControl?, Transfer) {
    // SAFETY: the scratch buffer is writable for its whole size, used by one thread only.
    let buffer = unsafe scratch.bytes
    return unsafe withUnsafeTemporaryAllocation(
        byteCount: ControlMessage.unixSpace,
        alignment: MemoryLayout<Int>.alignment
    ) { control in
        var controlCount = control.count
        var truncated: CInt = 0
        // SAFETY: the scratch buffer and the control data are writable for their sizes; the kernel
        // says how much of them it wrote.
        let transfer = uninterrupted {
            controlCount = control.count
            return unsafe csock_unix_receive_message(
                socket,
                buffer.baseAddress,
                min(buffer.count, limit),
                control.baseAddress,
                &controlCount,
                &truncated
            )
        }
        guard let count = transfer.count else { return ([], nil, transfer) }
        let bytes = scratch.copy(first: count)
        if controlCount == 0, truncated == 0 { return (bytes, nil, transfer) }
        let received = unsafe ReceivedControl(
            [UInt8](control[..<min(controlCount, control.count)]),
            isTruncated: truncated != 0
        )
        return (bytes, received, transfer)
    }
}

/// Receives a Unix datagram or packet into memory of the caller's, recvmsg(2), with all that was
/// passed along and the address it came from.
///
/// - Returns: The message's true length, which may be more than the span holds; and the control
///   data, nil if nothing came beside the bytes.
package func receiveUnixMessage(
    from socket: CInt,
    into bytes: inout MutableSpan<UInt8>,
    source: inout AddressStorage
) -> (Transfer, ReceivedControl?) {
    // As much as `unixSpace`, which a test sees to.
    var control = InlineArray<1728, UInt8>(repeating: 0)
    var span = control.mutableSpan
    let received = receiveMessage(from: socket, into: &bytes, control: &span, source: &source)
    if received.controlCount == 0, !received.isControlTruncated { return (received.transfer, nil) }
    var copy: [UInt8] = []
    copy.reserveCapacity(received.controlCount)
    for index in 0..<received.controlCount { copy.append(control[index]) }
    return (received.transfer, ReceivedControl(copy, isTruncated: received.isControlTruncated))
}
