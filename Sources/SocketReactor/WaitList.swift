internal import Synchronization

/// Tasks that are parked until a condition holds, in order of arrival, and the state that the
/// condition speaks of: the one list for every queue in the house.
///
/// Each change of the state is followed by a look at the conditions, the longest waiting first. A
/// waiter whose condition holds leaves the list with the value that it returned. A condition that
/// takes something (a place, a lock, an element) takes it on behalf of its waiter, so nothing is
/// handed to a waiter that has left. A waiter also leaves if its task is cancelled, or its deadline
/// passes.
package final class WaitList<State: Sendable>: Sendable {
    private typealias Resumption = @Sendable () -> Void

    private struct Entry {
        let ticket: UInt64
        /// If the condition holds: what resumes the waiter, to be called without the lock.
        let check: @Sendable (inout State) -> Resumption?
        /// Resumes the waiter with a failure.
        let fail: @Sendable (OperationFailure) -> Void
    }

    private struct Content {
        var state: State
        /// The longest waiting first.
        var entries: [Entry] = []
        var nextTicket: UInt64 = 0

        mutating func takeReady() -> [Resumption] {
            if entries.isEmpty { return [] }
            var ready: [Resumption] = []
            entries.removeAll { entry in
                guard let resumption = entry.check(&state) else { return false }
                ready.append(resumption)
                return true
            }
            return ready
        }
    }

    private let content: Mutex<Content>
    /// Called under the lock whenever nobody waits.
    private let emptied: @Sendable () -> Void

    package init(_ state: State, emptied: @escaping @Sendable () -> Void = {}) {
        content = Mutex(Content(state: state))
        self.emptied = emptied
    }

    /// How many tasks wait.
    var count: Int { content.withLock { $0.entries.count } }

    /// Changes the state, and resumes the waiters whose conditions hold then. Any thread may call
    /// it.
    @discardableResult
    package func unpark<Result: Sendable>(
        after change: @Sendable (inout State) -> Result
    ) -> Result {
        let (result, ready) = content.withLock { content in
            let result = change(&content.state)
            let ready = content.takeReady()
            if content.entries.isEmpty { emptied() }
            return (result, ready)
        }
        for resume in ready { resume() }
        return result
    }

    /// Waits until a condition holds; at once if it does.
    ///
    /// - Parameters:
    ///   - deadline: When the wait ends with `timedOut`.
    ///   - condition: Called under the list's lock, after those of the tasks that wait longer. It
    ///     returns the value to wait for, or nil.
    /// - Returns: What the condition returned.
    /// - Throws: `cancelled`, `timedOut`, `closed` if the deadline's loop has ended; then the
    ///   condition has returned nothing.
    package func park<Value: Sendable>(
        deadline: Deadline? = .current,
        until condition: @escaping @Sendable (inout State) -> Value?
    ) async throws(OperationFailure) -> Value {
        let ticket = content.withLock { content in
            content.nextTicket += 1
            return content.nextTicket
        }
        var timer: LoopTimer?
        if let deadline {
            timer = deadline.keeper.setTimer(at: deadline.moment) { [self] in
                leave(ticket, .timedOut)
            }
            // The keeper has ended: nobody would ever end this wait.
            if timer == nil { throw .closed }
        }
        defer { timer?.cancel() }
        let result = await withTaskCancellationHandler {
            await suspend(ticket, failure: { deadline.failure }, until: condition)
        } onCancel: {
            leave(ticket, .cancelled)
        }
        return try result.get()
    }

    /// The same for a task that must wait even if it is cancelled.
    package func parkUncancelled(
        until condition: @escaping @Sendable (inout State) -> Bool
    ) async {
        _ = await suspend(0, failure: { nil }) { condition(&$0) ? true : nil }
    }

    private func suspend<Value: Sendable>(
        _ ticket: UInt64,
        failure: () -> OperationFailure?,
        until condition: @escaping @Sendable (inout State) -> Value?
    ) async -> Result<Value, OperationFailure> {
        await unsafe withUnsafeContinuation { continuation in
            // SAFETY: resumed once: here, or by the one who takes the entry out of the list.
            var result: Result<Value, OperationFailure>?
            let ready = content.withLock { content in
                let ready = content.takeReady()
                // Cancellation or the deadline may have come before there was an entry to find.
                result = failure().map { .failure($0) }
                if result == nil { result = condition(&content.state).map { .success($0) } }
                guard result == nil else { return ready }
                let entry = Entry(ticket: ticket) { state in
                    guard let value = condition(&state) else { return nil }
                    return { unsafe continuation.resume(returning: .success(value)) }
                } fail: { failure in
                    unsafe continuation.resume(returning: .failure(failure))
                }
                content.entries.append(entry)
                return ready
            }
            for resume in ready { resume() }
            if let result { unsafe continuation.resume(returning: result) }
        }
    }

    private func leave(_ ticket: UInt64, _ failure: OperationFailure) {
        let entry = content.withLock { content -> Entry? in
            guard let index = content.entries.firstIndex(where: { $0.ticket == ticket }) else {
                return nil
            }
            defer { if content.entries.isEmpty { emptied() } }
            return content.entries.remove(at: index)
        }
        entry?.fail(failure)
    }
}
