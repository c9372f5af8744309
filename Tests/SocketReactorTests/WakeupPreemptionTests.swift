import SocketReactor
import Testing

@Suite struct WakeupPreemptionTests {
    @Test("A loop whose tasks run elsewhere stops interrupting them, once")
    func becomesBatch() {
        var preemption = WakeupPreemption()
        var changes: [Bool] = []
        for _ in 0..<(3 * WakeupPreemption.turnsToChange) {
            if preemption.woke(elsewhere: true) { changes.append(preemption.isBatch) }
        }
        #expect(changes == [true])
    }

    @Test("A loop that runs its tasks itself again becomes a normal thread again")
    func becomesNormal() {
        var preemption = WakeupPreemption()
        for _ in 0..<WakeupPreemption.turnsToChange { _ = preemption.woke(elsewhere: true) }
        #expect(preemption.isBatch)
        for _ in 0..<WakeupPreemption.turnsToChange { _ = preemption.woke(elsewhere: false) }
        #expect(!preemption.isBatch)
    }

    @Test("A loop of both kinds of task does not change at every turn")
    func mixedStays() {
        var preemption = WakeupPreemption()
        for turn in 0..<1000 {
            let changes = preemption.woke(elsewhere: turn % 2 == 0)
            #expect(!changes)
        }
        #expect(!preemption.isBatch)
    }
}
