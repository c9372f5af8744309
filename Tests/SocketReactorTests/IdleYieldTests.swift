import SocketReactor
import Testing

@Suite("Letting others run before sleeping")
struct IdleYieldTests {
    private static let short: Int64 = 20_000
    private static let long = IdleYield.limit + 1

    /// How many of so many sleeps are preceded by a try.
    private func tries(
        of yield: inout IdleYield,
        sleeps: Int,
        _ outcome: (Int) -> (nanoseconds: Int64, found: Bool)
    ) -> Int {
        var count = 0
        for _ in 0..<sleeps where yield.isDue() {
            let outcome = outcome(count)
            yield.took(outcome.nanoseconds, found: outcome.found)
            count += 1
        }
        return count
    }

    @Test("is done each time while it saves the sleep")
    func found() {
        var yield = IdleYield()
        #expect(tries(of: &yield, sleeps: 1000) { _ in (Self.short, true) } == 1000)
    }

    @Test("is done before each sleep where one in four finds something")
    func oftenFound() {
        var yield = IdleYield()
        // A try that finds nothing is followed by its sleep.
        let count = tries(of: &yield, sleeps: 7000) { (Self.short, $0 % 4 == 0) }
        #expect(count == 4000)
    }

    @Test("becomes rare where there is nobody to let run, and is done again when there is")
    func nothing() {
        var yield = IdleYield()
        _ = tries(of: &yield, sleeps: 200) { _ in (Self.short, false) }
        let rare = tries(of: &yield, sleeps: 6500) { _ in (Self.short, false) }
        #expect(rare == 100)
        #expect(tries(of: &yield, sleeps: 1000) { _ in (Self.short, true) } > 900)
    }

    @Test("goes on where somebody now and then takes long, also for a while")
    func nowAndThen() {
        var yield = IdleYield()
        let count = tries(of: &yield, sleeps: 10_000) { ($0 % 500 < 20 ? Self.long : 0, true) }
        #expect(count == 10_000)
    }

    @Test("stops for long where somebody keeps the processor each other time, whatever came")
    func long() {
        var yield = IdleYield()
        let count = tries(of: &yield, sleeps: 10 * IdleYield.mostAfterLong) {
            ($0 % 2 == 0 ? Self.long : Self.short, true)
        }
        // Some patience at first, a little each time that it is tried again.
        #expect(count < 400)
    }

    @Test("forgets what took long when nobody does any more")
    func forgets() {
        var yield = IdleYield()
        _ = tries(of: &yield, sleeps: 20_000) { _ in (Self.long, true) }
        _ = tries(of: &yield, sleeps: IdleYield.mostAfterLong) { _ in (Self.short, true) }
        while yield.isDue() { yield.took(Self.long, found: true) }
        var skipped = 1
        while !yield.isDue() { skipped += 1 }
        #expect(skipped == IdleYield.leastAfterLong)
    }
}
