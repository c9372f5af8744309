internal import CSocketSystem

/// A moment of the monotonic clock in nanoseconds, clock_gettime(2).
package struct MonotonicTime: Comparable, Hashable, Sendable {
    package let nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// This moment.
    package static var now: MonotonicTime {
        MonotonicTime(nanoseconds: csock_monotonic_nanoseconds())
    }

    /// This moment, some milliseconds late, cheaply.
    @inline(__always)
    package static var coarse: MonotonicTime {
        MonotonicTime(nanoseconds: csock_coarse_nanoseconds())
    }

    /// Later than any moment that the clock shows.
    package static var never: MonotonicTime { MonotonicTime(nanoseconds: .max) }

    package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The moment `duration` later; `never`, or the earliest there is, if the sum would overflow.
    package func advanced(by duration: Duration) -> MonotonicTime {
        let time = duration.clampedNanoseconds
        let (sum, overflow) = nanoseconds.addingReportingOverflow(time)
        if !overflow { return MonotonicTime(nanoseconds: sum) }
        return time < 0 ? MonotonicTime(nanoseconds: .min) : .never
    }
}

extension Duration {
    /// The time in nanoseconds; one that does not fit counts as the longest that does, 292 years.
    ///
    /// (`components` traps beyond 2^63 seconds, and a `Duration` can be longer than that.)
    package var clampedNanoseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000) }
}
