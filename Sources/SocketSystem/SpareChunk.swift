internal import CSocketSystem

/// The array that was handed out last: where its user has let go of it, the next bytes go there too,
/// and nothing is allocated. For one thread.
///
/// An echo is done with a chunk before the next one is read; who keeps chunks gets new ones.
@safe
package struct SpareChunk: ~Copyable {
    private var last: [UInt8] = []
    /// Off under ThreadSanitizer: it does not see that who lets go of an array comes before who
    /// finds that it has the only reference.
    private let isUsed = csock_is_sanitized() == 0

    package init() {}

    /// An array of what lies in the first bytes of a scratch buffer, which a call has just filled.
    @inline(__always)
    package mutating func copy(_ scratch: borrowing ScratchBuffer, first count: Int) -> [UInt8] {
        // SAFETY: the buffer is readable for `count` bytes, and not changed meanwhile.
        unsafe copy(UnsafeRawBufferPointer(rebasing: scratch.bytes[..<count]))
    }

    /// An array of these bytes.
    @unsafe
    @inline(__always)
    package mutating func copy(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        // From a typed buffer, because that initialiser is specialised here: others look their
        // metadata up each time.
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let typed = unsafe UnsafeBufferPointer(start: start, count: bytes.count)
        // An array that the user may keep must not hold much more memory than it shows.
        if isUsed, bytes.count <= last.capacity, last.capacity <= 2 * bytes.count + 32 {
            // Filled again in place by the standard library if nobody else holds it.
            last.removeAll(keepingCapacity: true)
            unsafe last.append(contentsOf: typed)
            return last
        }
        let chunk = unsafe [UInt8](typed)
        if bytes.count <= Self.largest { last = chunk }
        return chunk
    }

    private static let largest = 2048
}
