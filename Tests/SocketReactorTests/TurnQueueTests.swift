import Testing

@testable import SocketReactor

@Suite("The line for a turn")
struct TurnQueueTests {
    /// Suspends a task and passes what would resume it.
    private func entry(
        _ ticket: UInt64,
        _ direction: Direction,
        into queue: inout TurnQueue
    ) async -> WaitOutcome {
        await unsafe withUnsafeContinuation { continuation in
            unsafe queue.entries.append(
                .init(
                    ticket: ticket,
                    direction: direction,
                    waiter: Wakeable(continuation, .ready)
                )
            )
            // The tests look at order only; the continuation is resumed at once.
            unsafe continuation.resume(returning: .ready)
        }
    }

    @Test("is first come, first served, each direction for itself")
    func firstComeFirstServed() async {
        var queue = TurnQueue()
        _ = await entry(0, .read, into: &queue)
        _ = await entry(1, .write, into: &queue)
        _ = await entry(2, .read, into: &queue)

        let first = queue.takeFirst(.read)
        #expect(first?.entry.ticket == 0)
        #expect(first?.isEmpty == false)
        let second = queue.takeFirst(.read)
        #expect(second?.entry.ticket == 2)
        #expect(second?.isEmpty == true)
        check(queue.takeFirst(.read) == nil)
        check(queue.takeFirst(.write)?.entry.ticket == 1)
    }

    @Test("can be left once")
    func leavesOnce() async {
        var queue = TurnQueue()
        for ticket in 0..<3 { _ = await entry(UInt64(ticket), .read, into: &queue) }
        check(queue.remove(ticket: 1)?.ticket == 1)
        check(queue.remove(ticket: 1) == nil)
        check(queue.takeFirst(.read)?.entry.ticket == 0)
        check(queue.takeFirst(.read)?.entry.ticket == 2)
        check(queue.remove(ticket: 2) == nil)
    }
}
