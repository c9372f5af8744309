import TestKit
import Testing

@testable import SocketSystem

@Suite(.fewAtOnce, .endsHangs)
struct DurationTests {
    @Test("A duration of any length is a number of nanoseconds, or the nearest there is")
    func clamps() {
        #expect(Duration.zero.clampedNanoseconds == 0)
        #expect(Duration.milliseconds(-1500).clampedNanoseconds == -1_500_000_000)
        #expect(Duration.nanoseconds(Int64.max).clampedNanoseconds == .max)
        #expect(Duration.nanoseconds(Int64.min).clampedNanoseconds == .min)
        #expect((Duration.nanoseconds(Int64.max) + .nanoseconds(1)).clampedNanoseconds == .max)
        for long in [Duration.seconds(Int64.max), .seconds(Int64.max) * 4, .seconds(1e18)] {
            #expect(long.clampedNanoseconds == .max)
            #expect((.zero - long).clampedNanoseconds == .min)
        }
    }

    @Test("A moment too far away is never, or long ago")
    func moments() {
        let now = MonotonicTime(nanoseconds: 1000)
        #expect(now.advanced(by: .nanoseconds(5)).nanoseconds == 1005)
        #expect(now.advanced(by: .seconds(-1)).nanoseconds == 1000 - 1_000_000_000)
        #expect(now.advanced(by: .seconds(Int64.max) * 4) == .never)
        #expect(now.advanced(by: .nanoseconds(Int64.max)) == .never)
        #expect(now.advanced(by: .seconds(Int64.max) * -4) < now)
        #expect(MonotonicTime(nanoseconds: -5).advanced(by: .seconds(Int64.max) * -4) < now)
    }

    @Test("A gate waits for a negative time no longer than for none")
    func gate() {
        #expect(!ThreadGate().wait(atMost: .seconds(Int64.max) * -4))
        let open = ThreadGate()
        open.open()
        #expect(open.wait(atMost: .seconds(Int64.max) * 4))
    }
}
