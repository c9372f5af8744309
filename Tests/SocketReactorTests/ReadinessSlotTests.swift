import Testing

@testable import SocketReactor

/// Every state of a slot, whether it can be reached or not, against the table in its source.
@Suite("A readiness slot")
struct ReadinessSlotTests {
    private typealias Slot = ReadinessSlot

    /// All 4,096 combinations of the twelve flags.
    private static let all = (UInt16(0)..<4096).map { ReadinessSlot(flags: $0) }

    @Test("never forgets that it was closed")
    func closedIsForever() {
        for slot in Self.all where slot.has(Slot.closed) {
            for input in Self.inputs {
                var after = slot
                input(&after)
                check(after.has(Slot.closed))
            }
            var waiting = slot
            check(waiting.wait() == .resume(.closed))
            var beginning = slot
            check(beginning.begin() == .closed)
        }
    }

    @Test("wakes a waiter exactly where it clears `waiting`")
    func wakesOnce() {
        let wakers: [(inout ReadinessSlot) -> Bool] = [
            { $0.kernelReady(eager: false, repeats: false) },
            { $0.kernelReady(eager: true, repeats: true) },
            { $0.cancel() }, { $0.close() }, { $0.drain() },
        ]
        for slot in Self.all {
            for waker in wakers {
                var after = slot
                let wakes = waker(&after)
                #expect(wakes == slot.has(Slot.waiting))
                check(!after.has(Slot.waiting))
                check(!waker(&after), "a second time")
            }
        }
    }

    @Test("wakes its owner alone when the owner is cancelled, and leaves everything else as it is")
    func ownerIsCancelled() {
        for slot in Self.all {
            var after = slot
            let wakes = after.cancelOwner()
            check(wakes == (slot.has(Slot.waiting) && slot.has(Slot.owned)))
            check(wakes ? !after.has(Slot.waiting | Slot.owned) : after == slot)
            check(!after.cancelOwner(), "a second time")
        }
    }

    @Test("forgets that the owner waits with the wait")
    func ownedEndsWithTheWait() {
        for slot in Self.all where !slot.has(Slot.waiting | Slot.owned) {
            var after = slot
            guard after.wait(asOwner: true) == .suspend else { continue }
            check(after.has(Slot.owned))
            for input in [
                { (slot: inout ReadinessSlot) in
                    _ = slot.kernelReady(eager: false, repeats: false)
                },
                { _ = $0.cancel() }, { _ = $0.close() }, { _ = $0.drain() },
                { _ = $0.cancelOwner() },
            ] {
                var ended = after
                input(&ended)
                check(!ended.has(Slot.waiting | Slot.owned))
            }
        }
    }

    @Test("keeps readiness until an operation uses it up")
    func readinessIsKept() {
        for slot in Self.all where !slot.has(Slot.waiting) {
            var after = slot
            _ = after.kernelReady(eager: false, repeats: false)
            check(after.has(Slot.ready))
            guard !slot.has(Slot.closed | Slot.held) else { continue }
            check(after.begin() == .call)
            // Cleared before the call, so that an edge during the call is not lost; kept where there
            // need not be a call.
            check(after.has(Slot.ready) == slot.has(Slot.stocked))
            _ = after.kernelReady(eager: false, repeats: false)
            if !slot.has(Slot.cancelled) { check(after.wait() == .resume(.ready)) }
        }
    }

    @Test("ends alone as it ends otherwise, or changes nothing")
    func endsAlone() {
        for slot in Self.all {
            for remainder in [Remainder.nothing, .unknown, .stock] {
                var (alone, otherwise) = (slot, slot)
                if alone.endAlone(leaving: remainder) {
                    check(otherwise.end(leaving: remainder))
                    check(alone == otherwise)
                    check(!slot.has(Slot.closed))
                } else {
                    check(alone == slot)
                }
            }
        }
    }

    @Test("begins and waits in one step as in two, or changes nothing")
    func beginsAndWaits() {
        var waits = 0
        for slot in Self.all {
            var (atOnce, otherwise) = (slot, slot)
            if atOnce.beginWaitAsOwner() {
                check(otherwise.begin() == .wait)
                check(otherwise.wait(asOwner: true) == .suspend)
                check(atOnce == otherwise)
                waits += 1
            } else {
                check(atOnce == slot)
            }
        }
        #expect(waits == 1)
    }

    @Test("with a stock, no operation waits, and none uses readiness up")
    func stock() {
        var slot = ReadinessSlot()
        check(slot.begin() == .wait)
        check(slot.end(leaving: .stock))
        check(slot.begin() == .call)
        // The kernel tells of something new while the last of the stock is handed out.
        check(!slot.kernelReady(eager: false, repeats: false))
        check(slot.end(leaving: .nothing))
        check(slot.begin() == .call)
        check(slot.end(leaving: .nothing))
        check(slot.begin() == .wait)
    }

    @Test("does not take cancellation from one holder to the next")
    func cancellationEndsWithTheTurn() {
        for slot in Self.all {
            var after = slot
            _ = after.end(leaving: .nothing)
            check(!after.has(Slot.cancelled))
        }
    }

    @Test("tells a waiter that drains to look once more, then to give up")
    func draining() {
        var slot = ReadinessSlot()
        check(slot.begin() == .wait)
        check(slot.wait() == .suspend)
        check(slot.drain())
        check(slot.wait() == .resume(.cancelled))
        check(slot.end(leaving: .unknown))
        // What has arrived can still be read, so an operation begins with its call.
        check(slot.begin() == .call)
        _ = slot.kernelReady(eager: false, repeats: false)
        check(slot.wait() == .resume(.ready))
        check(slot.wait() == .resume(.cancelled))
    }

    @Test("tries the call first, always, once the peer has hung up")
    func eagerIsSticky() {
        var slot = ReadinessSlot()
        _ = slot.kernelReady(eager: true, repeats: false)
        for _ in 0..<3 {
            check(slot.begin() == .call)
            check(slot.end(leaving: .nothing))
        }
    }

    private static let inputs: [@Sendable (inout ReadinessSlot) -> Void] = [
        { _ = $0.begin() }, { $0.takeOver() }, { _ = $0.wait() },
        { _ = $0.wait(asOwner: true) }, { _ = $0.cancelOwner() },
        { _ = $0.kernelReady(eager: true, repeats: true) }, { _ = $0.cancel() },
        { _ = $0.close() }, { _ = $0.drain() }, { _ = $0.end(leaving: .unknown) },
        { _ = $0.end(leaving: .stock) }, { _ = $0.endAlone(leaving: .nothing) },
        { _ = $0.beginWaitAsOwner() },
        { _ = $0.queue() }, { $0.queueEmptied() }, { $0.makeReady() }, { $0.arm() },
    ]
}
