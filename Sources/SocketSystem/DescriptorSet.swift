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

    mutating func withWords<Result>(
        _ body: (UnsafeMutablePointer<UInt>) -> Result
    ) -> Result {
        unsafe withUnsafeMutablePointer(to: &words) { words in
            // SAFETY: an inline array is its elements, one after the other.
            unsafe words.withMemoryRebound(to: UInt.self, capacity: 16) { unsafe body($0) }
        }
    }
}
