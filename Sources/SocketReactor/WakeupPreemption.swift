/// Whether a loop's thread may interrupt the threads that it works for, as a pure value.
///
/// Where the tasks that a loop wakes run on other threads (the global executor, an actor), and the
/// processor is shared with them, the kernel lets the loop interrupt them at each event: every
/// event costs two changes of thread. As a batch thread, sched(7), the loop comes when they wait,
/// and finds many events at once: half as much again in throughput. A loop that runs its tasks
/// itself has nobody to interrupt, and stays a normal thread.
package struct WakeupPreemption: Hashable, Sendable {
    /// How many turns in a row asked for the other policy.
    private var streak = 0
    /// Whether the thread is a batch thread now.
    package private(set) var isBatch = false

    /// So many turns must agree, so that a mixed program does not change at every turn.
    package static let turnsToChange = 32

    package init() {}

    /// A turn has woken tasks, none of them on the loop itself where `elsewhere` is true.
    ///
    /// - Parameter elsewhere: None of them was queued on the loop.
    /// - Returns: True if the thread's policy must change to `isBatch`.
    package mutating func woke(elsewhere: Bool) -> Bool {
        guard elsewhere != isBatch else {
            streak = 0
            return false
        }
        streak += 1
        guard streak >= Self.turnsToChange else { return false }
        streak = 0
        isBatch = elsewhere
        return true
    }
}
