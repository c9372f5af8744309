/// A thread's own memory to read into before the exact bytes are copied out.
///
/// Idle connections hold no buffer: they share their loop's scratch buffer.
@safe
package struct ScratchBuffer: ~Copyable, @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    /// Allocates `size` bytes.
    package init(size: Int) {
        // SAFETY: freed once, by deinit; nobody else learns the address.
        unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    }

    deinit {
        // SAFETY: allocated by init.
        unsafe bytes.deallocate()
    }

    /// How many bytes fit.
    package var size: Int { unsafe bytes.count }

    /// A copy of the first `count` bytes, which a call has just filled; perhaps in the memory of
    /// another array, if nobody else has it.
    @inline(__always)
    package func copy(first count: Int, reusing spare: consuming [UInt8] = []) -> [UInt8] {
        // SAFETY: the kernel wrote `count` bytes, which it was told to be within the buffer.
        unsafe SocketSystem.copy(
            UnsafeRawBufferPointer(rebasing: bytes[..<count]),
            reusing: spare
        )
    }
}
