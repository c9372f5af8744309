package import SocketSystem
internal import Synchronization

/// START HERE. A descriptor in an event loop: who uses it, who waits for it, when it is closed.
///
/// The vocabulary of this target:
///
/// - **Event loop** (`EventLoop`): a thread, a poller, a queue of jobs that its own thread touches,
///   a mailbox for other threads, timers. A **turn** of it: the jobs that were queued when it
///   began, what has arrived, the timers that are due. A `LoopGroup` is several loops as one task
///   executor.
/// - **Poller** (`Poller`): how a loop waits in the kernel. Three of them, four ways.
/// - **Registration** (here): a descriptor in a loop. The loop's table knows it by a **key**,
///   generation and index, and keeps it until it is closed; whoever registers closes.
/// - **Slot** (`Slot`): one direction of a descriptor: readiness, a waiter, the lock. Two slots,
///   the uses of the descriptor and its end are one atomic word, `RegistrationState`, a pure
///   machine: each of its steps returns the **actions** that its driver must take. This class is
///   the driver.
/// - **Lock** of a direction: one operation at a time has it. Others **stand in line**
///   (`WaitList`).
/// - **Operation** (`Operation`): begin, try, wait, end. Every call that may have to wait is one.
/// - **Waiter**: a task that is suspended by a continuation on a slot, or parked in a `WaitList`:
///   there is no other way to wait. It is resumed by whoever makes the step that says so, once.
/// - **Interruption**: a waiter is resumed to look around, because its task was cancelled, its
///   **deadline** has passed, the socket closes or drains. What is true then it finds out itself.
/// - **Owner**: the task of a scope (`serve`) that has one cancellation handler for all its waits.
@safe
public final class Registration: Sendable {
    // What every wait touches comes first, so that it lies in one or two cache lines.

    /// Who locks, waits, closes.
    let state = Atomic<RegistrationState>(RegistrationState())
    /// The waiting reader.
    // SAFETY: written by the lock's holder before it sets `waiting`, read by the step that clears
    // `waiting`; the compare-and-swaps order the two.
    @exclusivity(unchecked)
    private nonisolated(unsafe) var reader: Waiter?
    /// The waiting writer; as `reader`.
    @exclusivity(unchecked)
    private nonisolated(unsafe) var writer: Waiter?
    /// The hash of the owner; 0 if there is none.
    private let owner = Atomic<Int>(0)
    /// The loop whose poller watches the descriptor.
    package let loop: EventLoop
    /// The socket. Valid while an operation holds a lock or a use; closed after the last one.
    package let descriptor: CInt
    /// Names this registration in the loop's table.
    let key: UInt64
    /// Why the poller cannot watch the descriptor; nil if it can.
    private let watchFailure: Errno?
    /// Whether a reader waits for errors alone: for a socket's error queue.
    private let errorsOnly: Bool
    /// Whether others may hold the open file, and so change what it does; see `noteShared`.
    private let shared = Atomic<Bool>(false)
    /// Whether it may hold what others have passed to it; see `noteForeign`.
    private let foreign = Atomic<Bool>(false)
    /// The tasks that stand in line; made when the first does.
    private let lines = Mutex(Lines())

    private struct Lines {
        var read: WaitList<Void>?
        var write: WaitList<Void>?
    }

    /// Called by the loop, which keeps the table.
    init(
        descriptor: CInt,
        loop: EventLoop,
        key: UInt64,
        interest: Interest,
        watchFailure: Errno?
    ) {
        self.descriptor = descriptor
        self.loop = loop
        self.key = key
        self.watchFailure = watchFailure
        errorsOnly = interest == .error
        var state = RegistrationState()
        // A new socket has room to write to, so writing tries its call first; not if the kernel
        // will say when it has.
        if !interest.contains(.write) { state[.write].makeReady() }
        if watchFailure == nil, loop.poller.isEdgeTriggered {
            // An edge-triggered poller watches for reading by itself.
            state[.read].arm()
            if interest.contains(.write) { state[.write].arm() }
        }
        self.state.store(state, ordering: .relaxed)
    }

    /// One step of the state: `change` may run several times and must be pure.
    @inline(__always)
    func step(_ change: (inout RegistrationState) -> Actions) -> Actions {
        var old = state.load(ordering: .relaxed)
        while true {
            var new = old
            let actions = change(&new)
            let (exchanged, current) = state.weakCompareExchange(
                expected: old,
                desired: new,
                successOrdering: .acquiringAndReleasing,
                failureOrdering: .relaxed
            )
            if exchanged { return actions }
            old = current
        }
    }

    /// Resumes the waiters that a step has ended the wait of. Never under a lock.
    @inline(__always)
    private func resume(_ actions: Actions, _ isReady: Bool) {
        // SAFETY: the step that asks for it has cleared `waiting`.
        if actions.has(.resumeReader) { unsafe reader.unsafelyUnwrapped.resume(isReady) }
        if actions.has(.resumeWriter) { unsafe writer.unsafelyUnwrapped.resume(isReady) }
    }
}

// MARK: - Operations

extension Registration {
    /// Begins an operation; see `RegistrationState.begin`.
    @inline(__always)
    func begin(_ direction: Direction, yields: Bool) -> Actions {
        // Two calls, so that each knows where in the word its slot is.
        direction == .read
            ? step { $0.begin(.read, yields: yields) } : step { $0.begin(.write, yields: yields) }
    }

    /// Ends an operation: gives the lock back.
    package func end(_ direction: Direction, leaving remainder: Remainder) {
        let actions =
            direction == .read
            ? step { $0.end(.read, leaving: remainder) }
            : step { $0.end(.write, leaving: remainder) }
        if actions.isEmpty { return }
        if actions.has(.unpark) { unparkLine(direction) }
        if actions.has(.closeDescriptor) { closeNow() }
    }

    /// Takes a direction's lock for a call that never waits; false if others have it, or the socket
    /// is closed. `end` follows.
    package func tryLock(_ direction: Direction) -> Bool {
        let actions = begin(direction, yields: false)
        return actions == .call || actions == .wait
    }

    /// Whether nobody waits for more in a direction.
    @inline(__always)
    package func isDraining(_ direction: Direction) -> Bool {
        state.load(ordering: .acquiring)[direction].has(Slot.draining)
    }

    /// Whether an operation holds a direction's lock.
    package func isLocked(_ direction: Direction) -> Bool {
        state.load(ordering: .acquiring)[direction].has(Slot.locked)
    }

    /// Ends an operation that has found out that it must not go on. The next one tries its call
    /// first: this one may have kept bytes for it.
    func abandon(_ direction: Direction, _ failure: OperationFailure) -> OperationFailure {
        end(direction, leaving: .unknown)
        return failure
    }

    /// Looks around, for an operation that was interrupted.
    func look(_ direction: Direction, isRefused: Bool) throws(OperationFailure) {
        if isClosed { throw abandon(direction, loop.endFailure) }
        if Task.isCancelled { throw abandon(direction, .cancelled) }
        if isRefused, loop.isLeftBehind { throw abandon(direction, .forked) }
        // It cannot be watched; or it drains, and what had arrived was taken.
        if isRefused { throw abandon(direction, watchFailure.map { .system($0) } ?? .cancelled) }
    }
}

// MARK: - Waiting

extension Registration {
    /// Lets a waiter, which holds the lock, stay suspended until its slot is ready, or interrupted.
    ///
    /// - Returns: `park`; or why the waiter was resumed at once: `call`, `refuse`.
    // SAFETY: the waiter is resumed once: here, or by the step that ends its wait.
    func park(_ direction: Direction, _ waiter: Waiter) -> Actions {
        if loop.isLeftBehind {
            waiter.resume(false)
            return .refuse
        }
        switch direction {
        case .read: unsafe reader = waiter
        case .write: unsafe writer = waiter
        }
        var actions = step { $0.park(direction) }
        if actions == .watch { actions = watch(direction) ?? step { $0.park(direction) } }
        if actions != .park { waiter.resume(actions == .call) }
        return actions
    }

    /// Lets a waiter look around. Any thread may call it, at any time.
    public func interrupt(_ direction: Direction) {
        resume(step { $0.interrupt(direction) }, false)
    }

    /// Somebody else than the kernel knows that a direction is ready.
    package func signal(_ direction: Direction) {
        let readiness: Readiness = direction == .read ? .read : .write
        resume(step { $0.kernelReady(readiness, repeats: false) }, true)
    }

    /// The kernel reports readiness. The loop calls it under its lock.
    ///
    /// - Parameters:
    ///   - readiness: What it reports.
    ///   - repeats: The poller is level-triggered.
    ///   - woken: Takes the waiters that are to be resumed with true, without the lock.
    /// - Returns: Whether the poller must be told what to watch.
    @inline(__always)
    func kernelReady(
        _ readiness: Readiness,
        repeats: Bool,
        into woken: inout [Waiter]
    ) -> Bool {
        let actions = step { $0.kernelReady(readiness, repeats: repeats) }
        // SAFETY: the step that asks for it has cleared `waiting`.
        if actions.has(.resumeReader) { unsafe woken.append(reader.unsafelyUnwrapped) }
        if actions.has(.resumeWriter) { unsafe woken.append(writer.unsafelyUnwrapped) }
        return actions.has(.watch)
    }

    /// The holder's call found nothing, and no error either, on a socket whose errors are gone once
    /// they are reported: datagrams'. A stream's hang-up stays, so this is not for streams.
    package func calm(_ direction: Direction) {
        guard state.load(ordering: .relaxed)[direction].has(Slot.eager) else { return }
        _ = step {
            $0[direction].calm()
            return []
        }
    }

    /// The directions that the poller should be watching.
    var armed: Interest {
        let armed = state.load(ordering: .acquiring).armed
        guard errorsOnly, armed.contains(.read) else { return armed }
        return armed.subtracting(.read).union(.error)
    }

    /// Lets the poller watch a direction; what to do instead of waiting, if that cannot be.
    private func watch(_ direction: Direction) -> Actions? {
        if watchFailure != nil { return .refuse }
        let isWatched = loop.watch(self) {
            _ = step {
                $0[direction].arm()
                return []
            }
        }
        // Closed behind our back, or replaced: let the call say so.
        return isWatched ? nil : .call
    }
}

// MARK: - Standing in line

extension Registration {
    /// Waits for a direction's lock, behind those that came before.
    func standInLine(_ direction: Direction) async throws(OperationFailure) {
        let deadline = Deadline.current?.kept(by: loop)
        let answer = try await line(direction).park(deadline: deadline) { [self] _ in
            let actions = step { $0.beginInLine(direction) }
            return actions == .standInLine ? nil : actions
        }
        if answer == .refuse { throw loop.endFailure }
    }

    private func line(_ direction: Direction) -> WaitList<Void> {
        lines.withLock { lines in
            let made =
                (direction == .read ? lines.read : lines.write)
                ?? WaitList(()) { [unowned self] in
                    _ = step {
                        $0[direction].lineIsEmpty()
                        return []
                    }
                }
            if direction == .read { lines.read = made } else { lines.write = made }
            return made
        }
    }

    private func unparkLine(_ direction: Direction) {
        lines.withLock { direction == .read ? $0.read : $0.write }?.unpark { _ in }
    }
}

// MARK: - The owner

extension Registration {
    /// Makes the current task the socket's owner until `disown`: one cancellation handler of the
    /// task, which must `drain` both directions, speaks for all of its waits, where others add one
    /// each.
    package func own() { owner.store(currentTaskHash, ordering: .relaxed) }

    /// The task that owns the socket has ended its work with it.
    package func disown() { owner.store(0, ordering: .relaxed) }

    /// Whether the current task is the owner. Its identity has its price, so a loop asks once.
    package var isOwnedByCurrentTask: Bool {
        let owner = owner.load(ordering: .relaxed)
        return owner != 0 && owner == currentTaskHash
    }

    /// From now on what has arrived can be taken, but nobody waits for more: waits are cancelled.
    package func drain(_ direction: Direction) {
        resume(step { $0.drain(direction) }, false)
    }
}

/// Tells the current task from others; 0 outside of tasks.
private var currentTaskHash: Int {
    // SAFETY: the task runs here, so it exists; no more than its hash is kept.
    unsafe withUnsafeCurrentTask { task in unsafe task?.hashValue ?? 0 }
}

// MARK: - What others can do to the descriptor

extension Registration {
    /// Another process may hold the same open file, or does: it may make it blocking at any time,
    /// and take what arrives.
    package func noteShared() { shared.store(true, ordering: .relaxed) }

    package var isShared: Bool { shared.load(ordering: .relaxed) }

    /// Others may pass descriptors to the socket. Those that nobody has received are closed with
    /// it, which may wait, see `closeElsewhere`.
    package func noteForeign() { foreign.store(true, ordering: .relaxed) }
}

// MARK: - The end

extension Registration {
    /// Whether `close` or `detach` was called.
    @inline(__always)
    package var isClosed: Bool { state.load(ordering: .acquiring).isClosed }

    /// Runs a call on the descriptor outside of the two locks; nil if the socket is closed.
    package func use<Value, Failure: Error>(
        _ body: (CInt) throws(Failure) -> Value
    ) throws(Failure) -> Value? {
        guard step({ $0.beginUse() }) == .call else { return nil }
        defer { endUse() }
        return try body(descriptor)
    }

    private func endUse() {
        if step({ $0.endUse() }) == .closeDescriptor { closeNow() }
    }

    private func closeNow() {
        // Nothing unread, so nothing that others have passed.
        let holdsForeign =
            foreign.load(ordering: .relaxed) && (try? isReadable(descriptor)) != false
        if holdsForeign { closeElsewhere(descriptor) } else { closeDescriptor(descriptor) }
    }

    /// Ends every wait; the descriptor is closed when the last call on it is over.
    ///
    /// Idempotent; any thread may call it. The step borrows the descriptor, so that its number
    /// still means this socket while the poller forgets it.
    package func close() {
        let actions = step { $0.close() }
        if actions == .refuse { return }
        loop.deregister(self)
        resume(actions, false)
        for direction in Direction.allCases { unparkLine(direction) }
        endUse()
    }

    /// Takes the descriptor out of the loop, open; nil if it is closed, or an operation uses it.
    package func detach() -> Descriptor? {
        guard step({ $0.detach() }) == .call else { return nil }
        loop.deregister(self)
        return Descriptor(owning: descriptor)
    }
}
