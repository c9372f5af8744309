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
        // A larger array might be changed by its user, who would then copy all of it.
        if bytes.count == last.count, bytes.count <= Self.largest, isUsed, isOnlyReference() {
            // SAFETY: `last` has as many bytes and no other reference.
            unsafe last.withUnsafeMutableBytes { unsafe $0.copyMemory(from: bytes) }
            return last
        }
        // From a typed buffer, because that initialiser is specialised here: others look their
        // metadata up each time.
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let chunk = unsafe [UInt8](UnsafeBufferPointer(start: start, count: bytes.count))
        if bytes.count <= Self.largest { last = chunk }
        return chunk
    }

    /// Whether nobody else refers to `last`'s storage.
    @inline(__always)
    private mutating func isOnlyReference() -> Bool {
        // SAFETY: an array is one reference to its storage, which is looked at as just that.
        unsafe withUnsafeMutablePointer(to: &last) { pointer in
            unsafe pointer.withMemoryRebound(to: AnyObject.self, capacity: 1) { storage in
                unsafe isKnownUniquelyReferenced(&storage.pointee)
            }
        }
    }

    private static let largest = 2048
}
