internal import CSocketSystem
internal import Glibc

/// One read into memory that is writable for `count` bytes.
@inline(__always)
private func receive(
    from socket: CInt,
    _ bytes: UnsafeMutableRawPointer?,
    _ count: Int,
    _ style: ReadStyle
) -> Transfer {
    // SAFETY: what the callers lend is writable for `count` bytes during the call.
    if style == .plain { return uninterrupted { unsafe csock_recv(socket, bytes, count, 0) } }
    var stopped: CInt = 0
    let transfer = uninterrupted {
        unsafe csock_unix_receive_stream(socket, bytes, count, &stopped)
    }
    return Transfer(answer: transfer.answer, stoppedEarly: stopped != 0)
}

/// Reads what has arrived, at most the span's length, recv(2) or recvmsg(2).
package func receive(
    from socket: CInt,
    into bytes: inout MutableSpan<UInt8>,
    _ style: ReadStyle
) -> Transfer {
    unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe receive(from: socket, buffer.baseAddress, buffer.count, style)
    }
}

/// Reads what has arrived into a scratch buffer of the caller's, recv(2) or recvmsg(2).
package func receive(
    from socket: CInt,
    into scratch: borrowing ScratchBuffer,
    _ style: ReadStyle
) -> Transfer {
    let bytes = unsafe scratch.bytes
    // SAFETY: the scratch buffer is writable for its whole size and used by one thread only.
    return unsafe receive(from: socket, bytes.baseAddress, bytes.count, style)
}

/// Reads at most `capacity` bytes into a new array, recv(2) or recvmsg(2).
///
/// The array is empty at the end of the stream and if the transfer failed.
package func receiveArray(
    from socket: CInt,
    capacity: Int,
    _ style: ReadStyle
) -> ([UInt8], Transfer) {
    var transfer = Transfer(answer: 0)
    // SAFETY: `initializedCount` is what the kernel said it wrote.
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, initializedCount in
        transfer = unsafe receive(from: socket, buffer.baseAddress, capacity, style)
        initializedCount = transfer.count ?? 0
    }
    return (bytes, transfer)
}

/// Hands bytes to the kernel, as many as fit, send(2). A broken pipe is an error, not a signal.
package func send(_ bytes: Span<UInt8>, to socket: CInt) -> Transfer {
    unsafe bytes.withUnsafeBytes { buffer in
        // SAFETY: the buffer is readable for `count` bytes during the call.
        uninterrupted { unsafe csock_send(socket, buffer.baseAddress, buffer.count, 0) }
    }
}

/// Hands several buffers to the kernel at once, sendmsg(2), from a position within them on.
///
/// - Parameters:
///   - buffers: All the buffers of the message.
///   - first: The first buffer that is not wholly sent.
///   - offset: How many bytes of that buffer are sent.
///   - socket: The socket that they go to.
/// - Returns: How many bytes moved, of all the buffers together.
package func send(
    _ buffers: [[UInt8]],
    from first: Int,
    offset: Int,
    to socket: CInt
) -> Transfer {
    // Linux takes at most IOV_MAX, 1024, buffers a call; more are sent by the next one.
    let count = min(buffers.count - first, 1024)
    // SAFETY: each base address stays valid while `buffers` lives, which `withExtendedLifetime`
    // sees to; arrays of this module are never mutated meanwhile, as we hold them by value.
    return unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vector in
        for index in 0..<count {
            let skipped = index == 0 ? offset : 0
            unsafe buffers[first + index].withUnsafeBytes { bytes in
                let base = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                unsafe vector[index] = unsafe iovec(
                    iov_base: base?.advanced(by: skipped),
                    iov_len: bytes.count - skipped
                )
            }
        }
        return withExtendedLifetime(buffers) {
            uninterrupted { unsafe csock_send_vector(socket, vector.baseAddress, count) }
        }
    }
}
