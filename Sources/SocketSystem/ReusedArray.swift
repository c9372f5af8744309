internal import CSocketSystem

/// An array of some bytes: a new one, or another one whose memory is right, filled again. The
/// standard library does that in place if nobody else has it.
// SAFETY: the caller lends bytes that are readable, and stay as they are meanwhile.
@unsafe
@inline(__always)
func copy(_ bytes: UnsafeRawBufferPointer, reusing spare: consuming [UInt8]) -> [UInt8] {
    // From a typed buffer, because that initialiser is specialised here: others look their metadata
    // up each time.
    let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let typed = unsafe UnsafeBufferPointer(start: start, count: bytes.count)
    // ThreadSanitizer does not see that its release by the last other owner comes before its reuse.
    if spare.count == bytes.count, csock_is_sanitized() == 0 {
        unsafe spare.withUnsafeMutableBytes { unsafe $0.copyMemory(from: bytes) }
        return spare
    }
    // An array that its user may keep must not hold much more memory than it shows.
    guard bytes.count <= spare.capacity, spare.capacity <= 2 * bytes.count + 32,
        csock_is_sanitized() == 0
    else { return unsafe [UInt8](typed) }
    spare.removeAll(keepingCapacity: true)
    unsafe spare.append(contentsOf: typed)
    return spare
}
