internal import CSocketSystem
internal import Glibc

/// A set of descriptors as select(2) wants it: one bit for each number below `capacity`.
///
/// C's FD_SET writes past its set when the number is larger; this one traps.
package struct DescriptorSet: Sendable {
    /// FD_SETSIZE: the kernel would take more, but no C library has agreed to that.
    package static let capacity: CInt = 1024

    private var words: InlineArray<16, UInt> = .init(repeating: 0)

    package init() {}

    package mutating func insert(_ descriptor: CInt) {
        words[Int(descriptor) / UInt.bitWidth] |= Self.bit(descriptor)
    }

    package mutating func remove(_ descriptor: CInt) {
        words[Int(descriptor) / UInt.bitWidth] &= ~Self.bit(descriptor)
    }

    package func contains(_ descriptor: CInt) -> Bool {
        words[Int(descriptor) / UInt.bitWidth] & Self.bit(descriptor) != 0
    }

    /// The members of two sets.
    package func union(_ other: DescriptorSet) -> DescriptorSet {
        var union = self
        for index in words.indices { union.words[index] |= other.words[index] }
        return union
    }

    /// The smallest member that is not below `start`.
    package func first(from start: CInt) -> CInt? {
        var index = Int(start) / UInt.bitWidth
        guard index < words.count else { return nil }
        var word = words[index] & (UInt.max << UInt(Int(start) % UInt.bitWidth))
        while word == 0 {
            index += 1
            guard index < words.count else { return nil }
            word = words[index]
        }
        return CInt(index * UInt.bitWidth + word.trailingZeroBitCount)
    }

    /// One more than the largest member, which is how much of the set select(2) looks at.
    package var extent: CInt {
        var index = words.count - 1
        while index >= 0, words[index] == 0 { index -= 1 }
        if index < 0 { return 0 }
        return CInt((index + 1) * UInt.bitWidth - words[index].leadingZeroBitCount)
    }

    private static func bit(_ descriptor: CInt) -> UInt {
        precondition(descriptor >= 0 && descriptor < capacity, "select(2) has no room for it")
        return 1 << UInt(Int(descriptor) % UInt.bitWidth)
    }

    fileprivate mutating func withWords<Result>(
        _ body: (UnsafeMutablePointer<UInt>) -> Result
    ) -> Result {
        unsafe withUnsafeMutablePointer(to: &words) { words in
            // SAFETY: an inline array is its elements, one after the other.
            unsafe words.withMemoryRebound(to: UInt.self, capacity: 16) { unsafe body($0) }
        }
    }
}

/// Waits until a member of one of the sets is ready, select(2), and leaves the ready ones in them.
///
/// After the time-out, after a signal and after an error the sets are to be taken as empty.
///
/// - Parameters:
///   - readable: Who is watched for reading.
///   - writable: Who is watched for writing.
///   - urgent: Who is watched for urgent data.
///   - milliseconds: How long to wait, -1 for as long as it takes.
/// - Returns: How many members are left in the sets.
/// - Throws: EBADF where one of them is no open descriptor.
package func selectReady(
    _ readable: inout DescriptorSet,
    _ writable: inout DescriptorSet,
    _ urgent: inout DescriptorSet,
    milliseconds: CInt
) throws(Errno) -> Int {
    let extent = max(readable.extent, writable.extent, urgent.extent)
    let count = unsafe readable.withWords { readable in
        unsafe writable.withWords { writable in
            unsafe urgent.withWords { urgent in
                // SAFETY: each has a bit for each number below `capacity`, which `extent` is not
                // above.
                unsafe csock_select(extent, readable, writable, urgent, milliseconds)
            }
        }
    }
    if count == -EINTR { return 0 }
    return Int(try check(count))
}

/// Whether a number is an open descriptor, fcntl(2).
package func isOpen(_ descriptor: CInt) -> Bool { csock_is_open(descriptor) != 0 }

/// Throws what epoll_ctl(2) would for a descriptor that cannot be waited for, fstat(2): EPERM for
/// files and directories, which poll(2) and select(2) call ready at all times.
package func checkWatchable(_ descriptor: CInt) throws(Errno) {
    try check(csock_check_watchable(descriptor))
}
