import Testing

@testable import SocketReactor

/// Every state of a registration whose write slot is idle, whether it can be reached or not,
/// against the table above `Slot`.
@Suite("The state of a registration")
struct RegistrationStateTests {
    /// All 512 combinations of the nine flags of the read slot, with both slots closed together.
    private static let all = (UInt16(0)..<512).map { flags in
        var state = RegistrationState()
        state[.read] = Slot(flags: flags)
        if state[.read].has(Slot.closed) { state[.write] = Slot(flags: Slot.closed) }
        return state
    }

    @Test("never forgets that it was closed")
    func closedIsForever() {
        for state in Self.all where state.isClosed {
            for input in Self.inputs {
                var after = state
                input(&after)
                check(after.isClosed)
            }
            for refused: (inout RegistrationState) -> Actions in [
                { $0.begin(.read) }, { $0.beginInLine(.read) }, { $0.park(.read) },
                { $0.beginUse() }, { $0.close() }, { $0.detach() },
            ] {
                var after = state
                check(refused(&after) == .refuse)
            }
        }
    }

    @Test("has the waiter resumed by exactly the step that ends its wait")
    func resumesOnce() {
        let wakers: [(inout RegistrationState) -> Actions] = [
            { $0.kernelReady(.read, repeats: false) },
            { $0.kernelReady([.read, .eagerRead], repeats: true) },
            { $0.interrupt(.read) }, { $0.drain(.read) }, { $0.close() },
        ]
        for state in Self.all where !state.isClosed {
            for waker in wakers {
                var after = state
                let resumes = waker(&after).has(.resumeReader)
                #expect(resumes == state[.read].has(Slot.waiting))
                check(!after[.read].has(Slot.waiting))
                // Who is woken uses the readiness up.
                if resumes { check(after[.read].has(Slot.ready) == state[.read].has(Slot.ready)) }
                check(!waker(&after).has(.resumeReader), "a second time")
            }
        }
    }

    @Test("leaves everything as it is if nobody waits to be interrupted")
    func interruption() {
        for state in Self.all where !state[.read].has(Slot.waiting) {
            var after = state
            check(after.interrupt(.read).isEmpty)
            check(after == state)
        }
    }

    @Test("keeps readiness until a system call uses it up")
    func readinessIsKept() {
        for state in Self.all where !state[.read].has(Slot.waiting) && !state.isClosed {
            var after = state
            _ = after.kernelReady(.read, repeats: false)
            check(after[.read].has(Slot.ready))
            guard state[.read].isFree else { continue }
            check(after.begin(.read) == .call)
            // Cleared before the call, so that an edge during the call is not lost; kept if there
            // need not be a call.
            check(after[.read].has(Slot.ready) == state[.read].has(Slot.stocked))
            _ = after.kernelReady(.read, repeats: false)
            check(after.park(.read) == .call)
        }
    }

    @Test("with a stock, no operation waits, and none uses readiness up")
    func stock() {
        var state = RegistrationState()
        check(state.begin(.read) == .wait)
        check(state.end(.read, leaving: .stock).isEmpty)
        check(state.begin(.read) == .call)
        // The kernel tells of something new while the last of the stock is handed out.
        check(state.kernelReady(.read, repeats: false).isEmpty)
        check(state.end(.read, leaving: .nothing).isEmpty)
        check(state.begin(.read) == .call)
        check(state.end(.read, leaving: .nothing).isEmpty)
        check(state.begin(.read) == .wait)
        // An operation that waits has found no stock.
        check(state.end(.read, leaving: .stock).isEmpty)
        check(state.begin(.read) == .call)
        check(state.park(.read) == .watch)
        check(!state[.read].has(Slot.stocked))
    }

    @Test("lets other tasks run before a call, and not before a wait")
    func yielding() {
        var state = RegistrationState()
        check(state.begin(.read, yields: true) == .wait)
        check(state.end(.read, leaving: .unknown).isEmpty)
        check(state.begin(.read, yields: true) == .yield)
        check(state[.read].has(Slot.locked))
    }

    @Test("tells a waiter that drains to look once more, then to give up")
    func draining() {
        var state = RegistrationState()
        state[.read].arm()
        check(state.begin(.read) == .wait)
        check(state.park(.read) == .park)
        check(state.drain(.read) == .resumeReader)
        check(state.park(.read) == .refuse)
        check(state.end(.read, leaving: .unknown).isEmpty)
        // What has arrived can still be read, so an operation begins with its call.
        check(state.begin(.read) == .call)
        check(state.kernelReady(.read, repeats: false).isEmpty)
        check(state.park(.read) == .call)
        check(state.park(.read) == .refuse)
        check(state.begin(.write) == .wait, "the other direction waits as before")
        // The kernel may have what the loop has not been told of.
        check(state.end(.read, leaving: .nothing).isEmpty)
        check(state.begin(.read) == .call)
    }

    @Test("tries the call first, always, once the peer has hung up")
    func eagerIsSticky() {
        var state = RegistrationState()
        _ = state.kernelReady([.read, .eagerRead], repeats: false)
        for _ in 0..<3 {
            check(state.begin(.read) == .call)
            check(state.end(.read, leaving: .nothing).isEmpty)
        }
        state[.read].calm()
        check(state.begin(.read) == .wait)
        // What came during the call that found nothing is kept.
        _ = state.kernelReady([.read, .eagerRead], repeats: false)
        state[.read].calm()
        check(state.park(.read) == .call)
        // The directions are eager each for itself.
        _ = state.kernelReady([.read, .write, .eagerRead], repeats: false)
        check(state[.read].has(Slot.eager) && !state[.write].has(Slot.eager))
        _ = state.kernelReady([.read, .write, .eagerWrite], repeats: false)
        check(state[.write].has(Slot.eager))
    }

    @Test("asks for the poller before the first wait of a direction, and not again")
    func watching() {
        var state = RegistrationState()
        check(state.begin(.write) == .wait)
        check(state.park(.write) == .watch)
        state[.write].arm()
        check(state.armed == .write)
        check(state.park(.write) == .park)
        check(state.kernelReady(.write, repeats: true) == .resumeWriter)
        // Level-triggered, and nobody waits: it is watched no more.
        check(state.kernelReady(.write, repeats: true) == .watch)
        check(state.armed.isEmpty)
        for direction in Direction.allCases { state[direction].arm() }
        check(state.armed == [.read, .write])
        check(state.kernelReady(.read, repeats: true) == .watch)
        check(state.armed == .write)
        check(state.kernelReady(.write, repeats: false).isEmpty, "an edge is not repeated")
        check(state.armed == .write)
    }

    @Test("gives a lock that tasks stand in line for to nobody else")
    func line() {
        var state = RegistrationState()
        check(state.begin(.write) == .wait)
        check(state.begin(.write) == .standInLine)
        check(state.beginInLine(.write) == .standInLine)
        check(state.end(.write, leaving: .nothing) == .unpark)
        check(state.begin(.write) == .standInLine, "it is not their turn")
        check(state.beginInLine(.write) == .call)
        check(state.end(.write, leaving: .nothing).isEmpty)
        check(state.begin(.write) == .wait)
    }

    @Test("lets the descriptor go once, after the last lock and the last use")
    func lastOneOut() {
        for direction in Direction.allCases {
            var state = RegistrationState()
            check(state.begin(direction) == .wait)
            check(state.beginUse() == .call)
            check(state.close().isEmpty)
            check(state.endUse().isEmpty, "the closer's")
            check(state.end(direction, leaving: .unknown).isEmpty)
            check(state.endUse() == .closeDescriptor)
            check(state.end(direction, leaving: .unknown).isEmpty, "it is gone")
            check(state.close() == .refuse)
        }
    }

    @Test("lets the descriptor go although tasks stand in line, who are told")
    func lastOneOutBeforeALine() {
        for direction in Direction.allCases {
            var state = RegistrationState()
            check(state.begin(direction) == .wait)
            check(state.beginInLine(direction) == .standInLine)
            check(state.close().isEmpty)
            check(state.endUse().isEmpty, "the closer's")
            let actions = state.end(direction, leaving: .unknown)
            check(actions == [.unpark, .closeDescriptor])
            check(state.beginInLine(direction) == .refuse)
        }
    }

    @Test("does not wait with the descriptor for a waiter's task to run")
    func waiterHoldsNothing() {
        for direction in Direction.allCases {
            var state = RegistrationState()
            state[direction].arm()
            check(state.begin(direction) == .wait)
            check(state.park(direction) == .park)
            check(state.close() == (direction == .read ? .resumeReader : .resumeWriter))
            check(state.endUse() == .closeDescriptor)
            check(state.end(direction, leaving: .unknown).isEmpty)
        }
    }

    @Test("ends both directions at once, and is given away only if nobody uses it")
    func bothDirections() {
        for ends: (inout RegistrationState) -> Actions in [{ $0.close() }, { $0.detach() }] {
            var state = RegistrationState()
            _ = ends(&state)
            check(Direction.allCases.allSatisfy { state[$0].has(Slot.closed) })
        }
        for direction in Direction.allCases {
            var state = RegistrationState()
            check(state.begin(direction) == .wait)
            check(state.detach() == .refuse)
            check(state.end(direction, leaving: .nothing).isEmpty)
            check(state.beginUse() == .call)
            check(state.detach() == .refuse)
            check(state.endUse().isEmpty)
            check(state.detach() == .call)
            // It is the caller's: nobody closes it.
            check(state.end(direction, leaving: .nothing).isEmpty)
        }
    }

    @Test("drains one direction and leaves the other")
    func drainsOne() {
        for direction in Direction.allCases {
            var state = RegistrationState()
            check(state.drain(direction).isEmpty)
            for other in Direction.allCases {
                check(state[other].has(Slot.draining) == (other == direction))
            }
        }
    }

    @Test("refuses a use too many, and closes all the same")
    func manyUses() {
        var state = RegistrationState()
        var uses = 0
        while state.beginUse() == .call { uses += 1 }
        #expect(uses == 0x7ffe)
        check(state.close().isEmpty)
        check(state.endUse().isEmpty)
        for _ in 1..<uses { check(state.endUse().isEmpty) }
        check(state.endUse() == .closeDescriptor)
    }

    private static let inputs: [@Sendable (inout RegistrationState) -> Void] = [
        { _ = $0.begin(.read) }, { _ = $0.begin(.read, yields: true) },
        { _ = $0.beginInLine(.read) }, { _ = $0.park(.read) },
        { _ = $0.kernelReady([.read, .eagerRead], repeats: true) }, { _ = $0.interrupt(.read) },
        { _ = $0.close() }, { _ = $0.drain(.read) }, { _ = $0.end(.read, leaving: .unknown) },
        { _ = $0.end(.read, leaving: .stock) }, { _ = $0.end(.read, leaving: .nothing) },
        { _ = $0.beginUse() }, { _ = $0.detach() }, { $0[.read].lineIsEmpty() },
        { $0[.read].makeReady() }, { $0[.read].arm() }, { $0[.read].calm() },
    ]
}
