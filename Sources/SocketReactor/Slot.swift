/// One direction of a socket, as a pure value: is it ready, is it locked, does somebody wait.
///
///                 park             kernelReady      interrupt   drain        close
///     idle        -> waiting       -> ready         stays       -> draining  -> closed
///     ready       -> idle, call    stays            stays       -> draining  -> closed
///     waiting     (never: one      -> idle,         -> idle,    -> draining, -> closed,
///                 lock holder)        resume           resume      resume       resume
///     draining    refuse           stays            stays       stays        -> closed
///     closed      refuse           stays            stays       stays        stays
///
/// A socket that drains may be ready, too: what has arrived is still handed out. The other flags
/// say how a lock is taken (`locked`, `queued`), whether the call is tried first (`eager`,
/// `stocked`), and what the poller watches (`armed`).
///
/// The lock is apart from that: an operation begins by taking the direction's lock and ends by
/// giving it back, so at most one operation waits, and a slot needs room for one waiter.
/// `RegistrationState` holds two slots and says what its driver must do; `Registration` does it.
package struct Slot: Hashable, Sendable {
    /// See the static members.
    package private(set) var flags: UInt16

    package init() { flags = 0 }

    @inline(__always)
    init(flags: UInt16) { self.flags = flags }

    /// The kernel said ready and no system call has used that up.
    static let ready: UInt16 = 1 << 0
    /// A waiter is parked, and must be resumed by the step that clears this flag.
    static let waiting: UInt16 = 1 << 1
    /// A short transfer proves nothing (hang-up, error, urgent data): always try the call first.
    static let eager: UInt16 = 1 << 2
    /// An operation holds the lock.
    static let locked: UInt16 = 1 << 3
    /// Tasks stand in line for the lock: it is not free for others, even if nobody holds it.
    static let queued: UInt16 = 1 << 4
    /// The poller watches this direction.
    static let armed: UInt16 = 1 << 5
    /// No operation begins or waits any more.
    static let closed: UInt16 = 1 << 6
    /// What has arrived may be taken, but nobody waits for more.
    static let draining: UInt16 = 1 << 7
    /// An operation has taken more than it handed out: the next ones need neither the kernel nor
    /// its readiness, which stays for the next system call.
    static let stocked: UInt16 = 1 << 8

    @inline(__always)
    package func has(_ flag: UInt16) -> Bool { flags & flag != 0 }

    /// Whether the lock can be had by an operation that has not stood in line.
    @inline(__always)
    var isFree: Bool { !has(Self.locked | Self.queued) }

    /// Takes the lock, and says whether the system call is worth trying.
    ///
    /// Readiness is cleared here, before the system call: an edge that comes during the call must
    /// not be lost.
    @inline(__always)
    mutating func lock() -> Bool {
        flags |= Self.locked
        if has(Self.stocked) { return true }
        let tries = has(Self.ready | Self.eager | Self.draining)
        flags &= ~Self.ready
        return tries
    }

    /// Takes a lock that others had: what they left is unknown, so the call is tried.
    mutating func lockInLine() {
        _ = lock()
        flags &= ~Self.queued
    }

    /// Tasks stand in line.
    mutating func queue() { flags |= Self.queued }

    /// The line is empty.
    mutating func lineIsEmpty() { flags &= ~Self.queued }

    /// Uses readiness up; false if there is none.
    @inline(__always)
    mutating func takeReady() -> Bool {
        flags &= ~Self.stocked
        guard has(Self.ready) else { return false }
        flags &= ~Self.ready
        return true
    }

    @inline(__always)
    mutating func wait() { flags |= Self.waiting }

    /// True if there was a waiter, which the caller must resume.
    @inline(__always)
    mutating func stopWaiting() -> Bool {
        guard has(Self.waiting) else { return false }
        flags &= ~Self.waiting
        return true
    }

    /// The kernel reports readiness; true if there was a waiter. A level-triggered poller, which
    /// repeats it, must stop watching if nobody waits.
    @inline(__always)
    mutating func kernelReady(eager: Bool, repeats: Bool) -> Bool {
        if eager { flags |= Self.eager }
        if stopWaiting() { return true }
        if repeats { flags &= ~Self.armed }
        flags |= Self.ready
        return false
    }

    /// The socket closes; true if there was a waiter.
    ///
    /// A waiter is in no system call, so its lock does not keep the descriptor open: an address is
    /// free as soon as its listener is closed.
    mutating func close() -> Bool {
        flags |= Self.closed
        guard stopWaiting() else { return false }
        flags &= ~Self.locked
        return true
    }

    /// Nobody waits for more from now on; true if there was a waiter, which looks a last time.
    mutating func drain() -> Bool {
        flags |= Self.draining
        return stopWaiting()
    }

    /// Gives the lock back; true if tasks stand in line for it.
    @inline(__always)
    mutating func unlock(leaving remainder: Remainder) -> Bool {
        switch remainder {
        case .nothing: flags &= ~Self.stocked
        case .unknown: flags |= Self.ready
        case .stock: flags |= Self.stocked
        }
        flags &= ~Self.locked
        return has(Self.queued)
    }

    /// A call that would have reported an error found none: a short transfer is a proof again.
    @inline(__always)
    mutating func calm() { flags &= ~Self.eager }

    /// The first operation tries its system call before it waits.
    mutating func makeReady() { flags |= Self.ready }

    @inline(__always)
    mutating func arm() { flags |= Self.armed }
}

/// What an operation that ends leaves for the next one.
package enum Remainder: Hashable, Sendable {
    /// Nothing: the next one waits first.
    case nothing
    /// Perhaps something: the next one tries its call first.
    case unknown
    /// What was taken from the kernel and not handed out.
    case stock
}
