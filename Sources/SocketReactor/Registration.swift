package import SocketSystem
internal import Synchronization

/// START HERE. A descriptor's membership in an event loop: who uses it, who waits for it, when it
/// is closed.
///
/// Every operation on a socket is an `Operation`: take the direction's turn, check cancellation, try
/// the system call, wait where it would have to, try again, give the turn back. The rules are pure
/// values (`RegistrationState`, `ReadinessSlot`); this class applies them with compare-and-swap
/// and keeps the waiters.
@safe
public final class Registration: Sendable {
    /// The socket. Valid while an operation holds a turn or a use; closed after the last one.
    public let descriptor: CInt
    /// The loop whose poller watches the descriptor.
    package let loop: EventLoop
    /// Names this registration in the loop's table.
    let key: UInt64
    /// Why the poller cannot watch the descriptor; nil where it can.
    let watchFailure: Errno?
    /// Whether its reader waits for errors alone: for a socket's error queue.
    let errorsOnly: Bool
    /// Who holds, waits, closes.
    let state = Atomic<RegistrationState>(RegistrationState())
    /// The waiting reader.
    // SAFETY: written by the turn's holder before it sets `waiting`, then by whoever clears
    // `waiting`, then by the holder again. The compare-and-swaps order them.
    @exclusivity(unchecked)
    nonisolated(unsafe) var reader = Waiter()
    /// The waiting writer; as `reader`.
    @exclusivity(unchecked)
    nonisolated(unsafe) var writer = Waiter()
    /// The task that owns the socket, by identity; 0 if there is none.
    let owner = Atomic<UInt>(0)
    /// Where those who use the socket keep what they touch first. A hint, never followed.
    let companion = Atomic<UInt>(0)
    /// Who stands in line for a turn.
    private let line = Mutex(TurnQueue())

    /// Called by the loop, which keeps the table.
    init(
        descriptor: CInt,
        loop: EventLoop,
        key: UInt64,
        armed: Interest,
        watchFailure: Errno? = nil,
        errorsOnly: Bool = false
    ) {
        self.errorsOnly = errorsOnly
        self.descriptor = descriptor
        self.loop = loop
        self.key = key
        self.watchFailure = watchFailure
        var state = RegistrationState()
        // A new socket has room to write to, so writing tries its call first.
        state[.write].makeReady()
        if armed.contains(.read) { state[.read].arm() }
        if armed.contains(.write) { state[.write].arm() }
        self.state.store(state, ordering: .relaxed)
    }

    deinit {
        close()
        // The loop may be looking at this object under its lock: come after it.
        loop.forget(key)
    }

    /// One step of the state: `change` may run several times and must be pure.
    @inline(__always)
    func step<Action>(_ change: (inout RegistrationState) -> Action) -> Action {
        var old = state.load(ordering: .relaxed)
        while true {
            var new = old
            let action = change(&new)
            let (exchanged, current) = state.weakCompareExchange(
                expected: old,
                desired: new,
                successOrdering: .acquiringAndReleasing,
                failureOrdering: .relaxed
            )
            if exchanged { return action }
            old = current
        }
    }
}

// MARK: - Turns

extension Registration {
    /// Takes a direction's turn if it is free.
    public func begin(_ direction: Direction) -> BeginAction {
        // Two functions, so that each knows where in the word its slot is.
        direction == .read ? step { $0[.read].begin() } : step { $0[.write].begin() }
    }

    /// The same for one who must wait if nothing has arrived, and may not read nothing.
    public func beginReading() -> BeginAction { beginOrWaitAsOwner(.read) }

    /// Whether an operation holds a direction's turn.
    public func isHeld(_ direction: Direction) -> Bool {
        state.load(ordering: .acquiring)[direction].has(ReadinessSlot.held)
    }

    /// Gives a turn back, or hands it to the next in line.
    public func end(_ direction: Direction, leaving remainder: Remainder) {
        direction == .read
            ? endQuickly(.read, leaving: remainder) : endQuickly(.write, leaving: remainder)
    }

    /// Nearly always nobody stands in line, and the socket is open.
    @inline(__always)
    private func endQuickly(_ direction: Direction, leaving remainder: Remainder) {
        let old = state.load(ordering: .relaxed)
        var new = old
        if new[direction].endAlone(leaving: remainder),
            state.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing)
                .exchanged
        {
            return
        }
        endSlowly(direction, leaving: remainder)
    }

    private func endSlowly(_ direction: Direction, leaving remainder: Remainder) {
        switch step({ $0.end(direction, leaving: remainder) }) {
        case .nothing: return
        case .handOn: handOn(direction)
        case .closeDescriptor: closeDescriptor(descriptor)
        }
    }

    /// Stands in line for a direction's turn. After `.ready` the caller holds it.
    public func waitInLine(_ direction: Direction) async -> WaitOutcome {
        let ticket = line.withLock { line in
            defer { line.nextTicket += 1 }
            return line.nextTicket
        }
        let deadline = Deadline.current
        return await loop.withDeadline(deadline) { [self] in
            leaveLine(ticket, .timedOut)
        } _: {
            await waitInLine(direction, ticket)
        }
    }

    private func waitInLine(_ direction: Direction, _ ticket: UInt64) async -> WaitOutcome {
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                // SAFETY: resumed once: here, or by whoever takes the entry out of the line.
                let outcome = line.withLock { line -> WaitOutcome? in
                    // Who came to let us go before this lock found no entry, but it is known why.
                    if Task.isCancelled { return .cancelled }
                    if Deadline.hasPassed { return .timedOut }
                    switch step({ $0[direction].queue() }) {
                    case .call, .wait, .suspend, .endWait: return .ready
                    case .closed: return .closed
                    case .contended:
                        let waiter = unsafe Wakeable(continuation, .ready)
                        line.entries.append(
                            .init(ticket: ticket, direction: direction, waiter: waiter)
                        )
                        return nil
                    }
                }
                if let outcome { unsafe continuation.resume(returning: outcome) }
            }
        } onCancel: {
            leaveLine(ticket, .cancelled)
        }
    }

    private func leaveLine(_ ticket: UInt64, _ outcome: WaitOutcome) {
        let entry = line.withLock { $0.remove(ticket: ticket) }
        entry?.waiter.with(outcome).resume()
    }

    /// Gives the held turn to the first in line; frees it where the line has emptied meanwhile.
    private func handOn(_ direction: Direction) {
        let (next, action) = line.withLock { line -> (TurnQueue.Entry?, EndAction) in
            guard let (first, isEmpty) = line.takeFirst(direction) else {
                let action = step { state in
                    state[direction].queueEmptied()
                    // What the operation left was noted when it ended, and must not be lost.
                    return state.end(direction, leaving: .unknown)
                }
                return (nil, action)
            }
            step { state in
                if isEmpty { state[direction].queueEmptied() }
                state[direction].takeOver()
            }
            return (first, .nothing)
        }
        next?.waiter.resume()
        if action == .closeDescriptor { closeDescriptor(descriptor) }
    }
}

// MARK: - The end

extension Registration {
    /// Whether `close` or `detach` was called.
    public var isClosed: Bool { state.load(ordering: .acquiring).isClosed }

    /// Runs a call on the descriptor outside the two turns; nil if the socket is closed.
    package func use<Value, Failure: Error>(
        _ body: (CInt) throws(Failure) -> Value
    ) throws(Failure) -> Value? {
        guard step({ $0.beginUse() }) else { return nil }
        defer { endUse() }
        return try body(descriptor)
    }

    private func endUse() {
        if step({ $0.endUse() }) { closeDescriptor(descriptor) }
    }

    /// Wakes everyone with `.closed`; the descriptor is closed when the last call on it is over.
    ///
    /// Idempotent; any thread may call it. The step borrows the descriptor, so that its number
    /// still means this socket while the poller forgets it.
    package func close() {
        var woken: [Wakeable] = []
        guard closeStep(waking: &woken) else { return }
        loop.deregister(self)
        emptyLine(waking: &woken)
        woken.resumeAll()
        endUse()
    }

    /// The same for a loop that ends, which holds its lock; false if it was closed before.
    func closeByLoop(_ poller: any Poller, waking woken: inout [Wakeable]) -> Bool {
        guard closeStep(waking: &woken) else { return false }
        poller.remove(descriptor)
        emptyLine(waking: &woken)
        endUse()
        return true
    }

    private func emptyLine(waking woken: inout [Wakeable]) {
        line.withLock { line in
            for entry in line.entries { woken.append(entry.waiter.with(.closed)) }
            line.entries.removeAll()
            step { state in
                state[.read].queueEmptied()
                state[.write].queueEmptied()
            }
        }
    }

    /// Closes both slots; false if they were closed before.
    private func closeStep(waking woken: inout [Wakeable]) -> Bool {
        guard let (wakeReader, wakeWriter) = step({ $0.close() }) else { return false }
        if wakeReader { woken.append(self.woken(.read, .closed)) }
        if wakeWriter { woken.append(self.woken(.write, .closed)) }
        return true
    }

    /// From now on what has arrived can be read, but nobody waits for more: waits are cancelled.
    package func drain() {
        if step({ $0[.read].drain() }) { woken(.read, .ready).resume() }
    }

    /// Takes the descriptor out of the loop, open; nil if it is closed, or an operation uses it.
    package func detach() -> Descriptor? {
        guard step({ $0.detach() }) else { return nil }
        loop.deregister(self)
        return Descriptor(owning: descriptor)
    }
}
