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

    /// The moment `duration` later; `never` if the sum would overflow.
    package func advanced(by duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        let (scaled, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if tooLong { return seconds < 0 ? MonotonicTime(nanoseconds: .min) : .never }
        let (withFraction, fractionOverflow) = scaled.addingReportingOverflow(
            attoseconds / 1_000_000_000
        )
        let (sum, overflow) = withFraction.addingReportingOverflow(nanoseconds)
        if fractionOverflow || overflow {
            return seconds < 0 ? MonotonicTime(nanoseconds: .min) : .never
        }
        return MonotonicTime(nanoseconds: sum)
    }
}
