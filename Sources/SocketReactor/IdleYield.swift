/// Whether a loop's thread lets others have its processor before it sleeps, as a pure value.
///
/// Where the processor is shared with those that the loop works for, a thread that sleeps as soon as
/// it has nothing to do is woken for every single message, and interrupts who is about to send the
/// next: two changes of thread a message. A thread that first lets the others run finds many
/// messages at once, and mostly need not sleep at all.
///
/// A try that finds nothing costs two system calls, a tenth of what a sleep costs; one in five must
/// be worth it, or it is tried rarely. Where others mostly do not give the processor back soon,
/// messages would wait for us: then it is not tried for long.
package struct IdleYield: Hashable, Sendable {
    /// How many tries that find nothing are still allowed.
    private var credit = mostCredit
    /// How much may still be taken too long.
    private var patience = mostPatience
    /// How many sleeps are to come before it is tried again.
    private var skipped = 0
    /// How many sleeps it costs to lose patience.
    private var afterLong = leastAfterLong

    /// What a try may take.
    package static let limit: Int64 = 1_000_000  // nanoseconds
    /// How many tries may find nothing for one that found something, and how many in a row.
    private static let creditOfSuccess = 4
    private static let mostCredit = 64
    /// How many sleeps are between two tries where they find nothing.
    private static let rareness = 64
    package static let leastAfterLong = 256
    /// At least ten seconds, however short the sleeps are.
    package static let mostAfterLong = 1 << 20
    /// What a try that took too long costs of patience; one that did not gives one back.
    private static let priceOfLong = 4
    private static let mostPatience = 128
    /// Who has lost patience has little the next time.
    private static let littlePatience = 16

    package init() {}

    /// The thread is about to sleep: whether to let others run before.
    package mutating func isDue() -> Bool {
        if skipped == 0 { return true }
        skipped -= 1
        return false
    }

    /// What letting them run came to.
    ///
    /// - Parameters:
    ///   - nanoseconds: How long it was until the thread ran again.
    ///   - found: Whether something had happened meanwhile, so that it need not sleep.
    package mutating func took(_ nanoseconds: Int64, found: Bool) {
        if nanoseconds > Self.limit {
            patience -= Self.priceOfLong
            guard patience <= 0 else { return }
            patience = Self.littlePatience
            skipped = afterLong
            afterLong = min(2 * afterLong, Self.mostAfterLong)
            return
        }
        patience = min(patience + 1, Self.mostPatience)
        if patience == Self.mostPatience { afterLong = Self.leastAfterLong }
        if found {
            credit = min(credit + Self.creditOfSuccess, Self.mostCredit)
        } else {
            credit -= 1
            // At least this one sleep.
            skipped = 1
            guard credit <= 0 else { return }
            credit = 0
            skipped = Self.rareness
        }
    }
}
