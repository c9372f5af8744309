internal import CSocketSystem
internal import Glibc

/// Makes a counter that a write makes readable, eventfd(2).
package func openEventCounter() throws(Errno) -> Descriptor {
    Descriptor(owning: try check(csock_eventfd()))
}

/// Makes a pipe, pipe2(2): for systems without eventfd.
package func openPipe() throws(Errno) -> (reader: CInt, writer: CInt) {
    var ends: (CInt, CInt) = (-1, -1)
    try unsafe withUnsafeMutablePointer(to: &ends) { pointer throws(Errno) in
        // SAFETY: a tuple of two CInt is laid out as C's `int[2]`.
        _ = try unsafe pointer.withMemoryRebound(to: CInt.self, capacity: 2) {
            (ends) throws(Errno) in try check(unsafe csock_pipe(ends))
        }
    }
    return ends
}

/// Makes the other end readable, write(2). A full counter or pipe is readable already.
package func signalWakeDescriptor(_ descriptor: CInt) {
    var one: UInt64 = 1
    // SAFETY: eight bytes of a local; eventfd wants exactly eight.
    while unsafe csock_write(descriptor, &one, 8) == -Int(EINTR) {}
}

/// Empties a counter or a pipe, so that it is no longer readable, read(2).
package func drainWakeDescriptor(_ descriptor: CInt) {
    // SAFETY: the kernel writes at most the buffer's size.
    unsafe withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { buffer in
        while true {
            let count = unsafe csock_read(descriptor, buffer.baseAddress, buffer.count)
            if count == -Int(EINTR) || count == buffer.count { continue }
            return
        }
    }
}

/// Makes a counter or a pipe readable and empties it, write(2) and read(2), as the two above do,
/// which report no error.
package func tryWakeDescriptors(_ reader: CInt, _ writer: CInt) throws(Errno) {
    var value: UInt64 = 1
    // SAFETY: eight bytes of a local.
    try check(CInt(clamping: unsafe csock_write(writer, &value, 8)))
    try check(CInt(clamping: unsafe csock_read(reader, &value, 8)))
}
