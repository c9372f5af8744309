internal import SocketSystem

/// Random numbers that a failed test can repeat: splitmix64.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    /// The seed of the numbers; print it if a test fails.
    package let seed: UInt64
    private var state: UInt64

    /// - Parameter seed: nil for `ASYNCSOCKETS_SEED`, or a new one if that is not set.
    package init(seed: UInt64? = nil) {
        let seed =
            seed ?? environmentVariable("ASYNCSOCKETS_SEED").flatMap { UInt64($0) }
            ?? UInt64.random(in: 0...UInt64.max)
        self.seed = seed
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Bytes that no two places of a stream share by accident.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count + 8 <= count {
            let word = next()
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        while bytes.count < count { bytes.append(UInt8(truncatingIfNeeded: next())) }
        return bytes
    }
}
