internal import CSocketSystem
internal import Glibc

/// What a non-blocking transfer answered: how many bytes moved, or why none did.
public struct Transfer: Hashable, Sendable {
    /// The kernel's answer: a count, or a negated errno.
    @usableFromInline let answer: Int
    /// Whether the kernel ended a read before the bytes it has were all taken; see `ReadStyle`.
    package let stoppedEarly: Bool

    @inlinable
    init(answer: Int) { self.init(answer: answer, stoppedEarly: false) }

    @usableFromInline
    init(answer: Int, stoppedEarly: Bool) {
        self.answer = answer
        self.stoppedEarly = stoppedEarly
    }

    /// The bytes moved, or nil if the call failed.
    @inlinable
    public var count: Int? { answer >= 0 ? answer : nil }

    /// Whether the call would have had to wait.
    public var mustWait: Bool { answer == -Int(EAGAIN) }

    /// Why the call failed; meaningful only where `count` is nil.
    @inlinable
    public var errno: Errno { Errno(rawValue: CInt(truncatingIfNeeded: -answer)) }
}

/// Repeats a call for as long as a signal interrupts it: no signal means anything here.
@inline(__always)
func uninterrupted(_ call: () -> Int) -> Transfer {
    while true {
        let answer = call()
        if answer != -Int(EINTR) { return Transfer(answer: answer) }
    }
}

/// How a stream is read.
package enum ReadStyle: Sendable {
    /// recv(2): fewer bytes than asked for are all there were.
    case plain
    /// recvmsg(2): the kernel ends a read of a Unix stream at a message that carries descriptors,
    /// and only this call tells that it did.
    case stopsAtDescriptors
}

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

/// Reads what has arrived, at most the span's length, recv(2).
package func receive(
    from socket: CInt,
    into bytes: inout MutableSpan<UInt8>,
    _ style: ReadStyle
) -> Transfer {
    unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe receive(from: socket, buffer.baseAddress, buffer.count, style)
    }
}

/// Reads into a scratch buffer of the caller's.
package func receive(
    from socket: CInt,
    into scratch: borrowing ScratchBuffer,
    _ style: ReadStyle
) -> Transfer {
    let bytes = unsafe scratch.bytes
    // SAFETY: the scratch buffer is writable for its whole size and used by one thread only.
    return unsafe receive(from: socket, bytes.baseAddress, bytes.count, style)
}

/// Reads at most `capacity` bytes into a new array.
///
/// The array is empty at the end of the stream and where the transfer failed.
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
///   - socket: Where they go.
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
