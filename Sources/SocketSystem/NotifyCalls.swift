internal import CSocketSystem
internal import Glibc

/// The receiving end of sd_notify(3) messages: a Unix datagram socket with an abstract name.
///
/// - Returns: The descriptor, which the caller must close, and the value for NOTIFY_SOCKET.
/// - Throws: Lack of descriptors.
package func openNotifySocket() throws(Errno) -> (descriptor: CInt, name: String) {
    var result: CInt = 0
    // SAFETY: the shim writes a name that ends with zero and is shorter than the buffer.
    let name = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 120) { buffer in
        unsafe buffer.initialize(repeating: 0)
        result = unsafe csock_notify_open(buffer.baseAddress)
        return unsafe String(cString: buffer.baseAddress!)
    }
    return (try check(result), name)
}

/// The next sd_notify(3) message and the number of its sender's process, for which the kernel
/// vouches, recvmsg(2); nil if there is none. The sender's user does not matter: a child may have
/// become another.
package func receiveNotification(
    _ socket: CInt
) throws(Errno) -> (lines: [Substring], process: CInt)? {
    var process: CInt = 0
    let (count, text) = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) {
        buffer in
        // SAFETY: the shim writes at most `count` bytes, and a local.
        let count = unsafe csock_notify_receive(
            socket,
            buffer.baseAddress,
            buffer.count,
            &process
        )
        let bytes = unsafe UnsafeRawBufferPointer(buffer).prefix(max(count, 0))
        return (count, unsafe String(decoding: bytes, as: UTF8.self))
    }
    if count == -Int(EAGAIN) { return nil }
    try check(CInt(clamping: count))
    return (text.split(separator: "\n"), process)
}

/// Sends an sd_notify(3) message to a path, or to an abstract name that begins with `@`, sendto(2).
///
/// - Parameters:
///   - text: The message.
///   - name: The path or name.
///   - patience: How long the calling thread may wait for the receiver to take others.
/// - Throws: EAGAIN if too many messages were not taken by then.
package func sendNotification(
    _ text: String,
    to name: String,
    waiting patience: Duration = .zero
) throws(Errno) {
    let milliseconds = Int(patience / .milliseconds(1))
    // SAFETY: both texts are valid during the call.
    try check(unsafe csock_notify_send(name, text, text.utf8.count, milliseconds))
}
