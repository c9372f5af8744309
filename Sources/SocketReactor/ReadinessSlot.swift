/// One direction of a socket, as a pure value: is it ready, who holds it, does somebody wait.
///
///                 wait             kernelReady       cancel             close
///     idle        -> waiting       -> ready          -> cancelled       -> closed
///     ready       -> idle, .ready  stays             -> ready+cancelled -> closed
///     waiting     (never: one      -> idle,          -> idle,           -> closed,
///                 turn holder)        wake .ready       wake .cancelled    wake .closed
///     cancelled   .cancelled       -> ready+cancelled stays             -> closed
///     closed      .closed          stays             stays              stays
///
/// A deadline that passes, `expire`, does as `cancel` does, with `.timedOut`.
///
/// *Holding* is apart from that: an operation begins by taking the direction's turn and ends by
/// giving it back, so at most one operation waits, and a slot needs room for one waiter. The
/// lock-free word that holds two slots, and the waiters, live in `Registration`.
package struct ReadinessSlot: Hashable, Sendable {
    /// Sixteen flags; see the static members.
    package private(set) var flags: UInt16

    package init() { flags = 0 }

    @inline(__always)
    init(flags: UInt16) { self.flags = flags }

    /// The kernel said ready and no system call has used that up.
    static let ready: UInt16 = 1 << 0
    /// A task waits, and must be resumed by whoever clears this flag.
    static let waiting: UInt16 = 1 << 1
    /// The holder's task was cancelled while it was not waiting.
    static let cancelled: UInt16 = 1 << 2
    /// A short transfer proves nothing (hang-up, error, urgent data): always try the call first.
    static let eager: UInt16 = 1 << 3
    /// An operation holds the turn.
    static let held: UInt16 = 1 << 4
    /// Others stand in line for the turn.
    static let queued: UInt16 = 1 << 5
    /// The poller watches this direction.
    static let armed: UInt16 = 1 << 6
    /// No operation begins or waits any more.
    static let closed: UInt16 = 1 << 7
    /// The program is leaving: what has arrived may be read, nobody waits for more.
    static let draining: UInt16 = 1 << 8
    /// Beside `waiting`: the waiter is the socket's owner, see `Registration.own`.
    static let owned: UInt16 = 1 << 9
    /// The holder's deadline passed while it was not waiting.
    static let expired: UInt16 = 1 << 10
    /// An operation has taken more than it handed out: the next ones need neither the kernel nor its
    /// readiness, which stays for whoever makes the next system call.
    static let stocked: UInt16 = 1 << 11
}

/// What an operation that ends leaves for the next one.
public enum Remainder: Hashable, Sendable {
    /// Nothing: the next one waits first.
    case nothing
    /// Perhaps something: the next one tries its call first.
    case unknown
    /// What was taken from the kernel and not handed out.
    case stock
}

/// What an operation that begins must do first.
public enum BeginAction: Hashable, Sendable {
    /// It holds the turn and may try the system call.
    case call
    /// It holds the turn; nothing is ready, so it waits before the system call.
    case wait
    /// It holds the turn, and its wait as the socket's owner has begun: it must suspend.
    case suspend
    /// It holds the turn, and its wait has begun and is over already.
    case endWait
    /// Another operation holds the turn.
    case contended
    /// The socket is closed.
    case closed
}

/// How a wait ended.
public enum WaitOutcome: UInt8, Hashable, Sendable {
    /// Try the system call.
    case ready
    /// The task was cancelled, or the program drains and nothing had arrived.
    case cancelled
    /// The socket was closed.
    case closed
    /// The task's deadline passed.
    case timedOut
}

/// What a wait does.
package enum WaitAction: Hashable, Sendable {
    /// Suspend: somebody will resume the task.
    case suspend
    /// Go on at once.
    case resume(WaitOutcome)
}

extension ReadinessSlot {
    @inline(__always)
    package func has(_ flag: UInt16) -> Bool { flags & flag != 0 }

    /// Takes the turn if it is free.
    ///
    /// Readiness is cleared here, before the system call: an edge that comes during the call must
    /// not be lost.
    @inline(__always)
    package mutating func begin() -> BeginAction {
        if has(Self.closed) { return .closed }
        if has(Self.held) { return .contended }
        flags |= Self.held
        if has(Self.stocked) { return .call }
        guard has(Self.ready | Self.eager | Self.draining) else { return .wait }
        flags &= ~Self.ready
        return .call
    }

    /// Takes over a turn that another operation handed on: try the call, readiness may be stale.
    @inline(__always)
    package mutating func takeOver() {
        if !has(Self.stocked) { flags &= ~Self.ready }
    }

    /// The holder's system call said that it would have to wait.
    ///
    /// - Parameter asOwner: The waiter is told of its task's cancellation by `cancelOwner`.
    /// - Returns: What the caller does now.
    @inline(__always)
    package mutating func wait(asOwner: Bool = false) -> WaitAction {
        flags &= ~Self.stocked
        if has(Self.closed) { return .resume(.closed) }
        if has(Self.cancelled) { return .resume(.cancelled) }
        if has(Self.ready) {
            flags &= ~Self.ready
            return .resume(.ready)
        }
        if has(Self.draining) { return .resume(.cancelled) }
        if has(Self.expired) { return .resume(.timedOut) }
        flags |= asOwner ? Self.waiting | Self.owned : Self.waiting
        return .suspend
    }

    /// `begin` and `wait(asOwner:)` in one, where that comes to the same: nothing is ready, nobody
    /// holds the turn, and the poller watches this direction. Else nothing changes.
    ///
    /// - Returns: Whether the owner waits now.
    @inline(__always)
    package mutating func beginWaitAsOwner() -> Bool {
        guard flags == Self.armed else { return false }
        flags = Self.armed | Self.held | Self.waiting | Self.owned
        return true
    }

    /// The kernel reports this direction ready. True if the waiter must be resumed with `.ready`.
    ///
    /// - Parameters:
    ///   - eager: From now on a short transfer is no proof that nothing is left.
    ///   - repeats: The poller is level-triggered: where nobody waits, it must watch this
    ///     direction no more until it is armed again.
    /// - Returns: Whether there was a waiter.
    @inline(__always)
    package mutating func kernelReady(eager: Bool, repeats: Bool) -> Bool {
        if eager { flags |= Self.eager }
        if stopWaiting() { return true }
        if repeats { flags &= ~Self.armed }
        flags |= Self.ready
        return false
    }

    /// The holder's task is cancelled. True if the waiter must be resumed with `.cancelled`.
    @inline(__always)
    package mutating func cancel() -> Bool {
        if stopWaiting() { return true }
        flags |= Self.cancelled
        return false
    }

    /// The holder's deadline passes. True if the waiter must be resumed with `.timedOut`.
    package mutating func expire() -> Bool {
        if stopWaiting() { return true }
        flags |= Self.expired
        return false
    }

    /// The owner's task is cancelled. True if the owner waits and must be resumed with
    /// `.cancelled`; another waiter is left alone, and an owner that begins to wait looks itself.
    package mutating func cancelOwner() -> Bool {
        has(Self.owned) && stopWaiting()
    }

    @inline(__always)
    private mutating func stopWaiting() -> Bool {
        guard has(Self.waiting) else { return false }
        flags &= ~(Self.waiting | Self.owned)
        return true
    }

    /// The socket closes. True if the waiter must be resumed with `.closed`.
    ///
    /// Who waits is in no system call, so the descriptor need not wait until it runs again: an
    /// address is free as soon as its listener is closed.
    package mutating func close() -> Bool {
        flags |= Self.closed
        guard stopWaiting() else { return false }
        flags &= ~Self.held
        return true
    }

    /// The program leaves. True if the waiter must be resumed with `.ready`, to look a last time.
    package mutating func drain() -> Bool {
        flags |= Self.draining
        return stopWaiting()
    }

    /// The holder is done.
    ///
    /// - Parameter remainder: What it leaves.
    /// - Returns: True if the turn is free; false if it must be handed to the next in line.
    @inline(__always)
    package mutating func end(leaving remainder: Remainder) -> Bool {
        leave(remainder)
        flags &= ~(Self.cancelled | Self.expired)
        if has(Self.queued) { return false }
        flags &= ~Self.held
        return true
    }

    /// `end`, where nobody stands in line and the socket is open, so that the turn is free and nothing
    /// has to follow. Else nothing changes.
    ///
    /// - Returns: Whether the turn is free now.
    @inline(__always)
    package mutating func endAlone(leaving remainder: Remainder) -> Bool {
        if has(Self.queued | Self.closed) { return false }
        leave(remainder)
        flags &= ~(Self.held | Self.cancelled | Self.expired)
        return true
    }

    @inline(__always)
    private mutating func leave(_ remainder: Remainder) {
        switch remainder {
        case .nothing: flags &= ~Self.stocked
        case .unknown: flags |= Self.ready
        case .stock: flags |= Self.stocked
        }
    }

    /// Marks that somebody stands in line; false if the turn became free and was taken instead.
    package mutating func queue() -> BeginAction {
        let action = begin()
        if action == .contended { flags |= Self.queued }
        return action
    }

    /// A call that would have reported an error found none: a short transfer proves again that
    /// nothing is left.
    @inline(__always)
    package mutating func calm() { flags &= ~Self.eager }

    /// The line is empty.
    package mutating func queueEmptied() { flags &= ~Self.queued }

    /// The first operation tries its system call before it waits.
    package mutating func makeReady() { flags |= Self.ready }

    /// The poller watches this direction from now on.
    @inline(__always)
    package mutating func arm() { flags |= Self.armed }
}
