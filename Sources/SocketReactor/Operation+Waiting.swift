public import SocketSystem

extension Operation {
    /// Whether the system call may be tried now; where not, `waited` comes before the next question.
    @inlinable
    public mutating func mayCall() throws(OperationFailure) -> Bool {
        if progress.step == .call { return true }
        switch progress.step {
        case .call: return true
        case .suspend, .endWait, .continue: return try endWait()
        case .mustSuspend:
            progress.step = .suspend
            return false
        case .wait:
            // SAFETY: whoever made the operation keeps the registration alive until it ends.
            switch unsafe registration._withUnsafeGuaranteedRef({ $0.beginWait(direction) }) {
            case .suspend: progress.step = .suspend
            case .continue: progress.step = .continue
            case .over: return try endWait()
            }
            return false
        case .standInLine, .giveWay: return false
        case .look: return try look()
        }
    }

    @inlinable
    @inline(__always)
    mutating func endWait() throws(OperationFailure) -> Bool {
        // SAFETY: as in `mayCall`.
        let outcome = unsafe registration._withUnsafeGuaranteedRef { $0.endWait(direction) }
        if outcome != .ready { throw abandon(outcome) }
        progress.step = .call
        return true
    }

    /// Whether all that `waited` does is to suspend the task.
    @inlinable
    public var suspends: Bool { progress.step == .suspend }

    /// Does what must come before the next try; nothing where `mayCall` did not ask for it.
    @inlinable
    public mutating func waited() async {
        if suspends { await suspendCurrentTask() } else { await waitedElsewhere() }
    }

    /// The same where it takes more than to suspend the task.
    public mutating func waitedElsewhere() async {
        // SAFETY: as in `mayCall`.
        let registration = unsafe registration.takeUnretainedValue()
        switch progress.step {
        case .continue: await registration.waitByContinuation(direction)
        case .standInLine:
            progress.outcome = await registration.waitInLine(direction)
            progress.step = .look
        case .giveWay:
            await yieldThread()
            progress.step = .look
        case .call, .wait, .mustSuspend, .suspend, .endWait, .look: break
        }
    }

    /// After standing in line or giving way: whether the turn is held and still of use.
    @usableFromInline
    mutating func look() throws(OperationFailure) -> Bool {
        if progress.outcome != .ready { throw OperationFailure(progress.outcome) }
        // Meanwhile the task or the socket may have ended.
        // SAFETY: as in `mayCall`.
        if unsafe registration._withUnsafeGuaranteedRef({ $0.isClosed }) { throw abandon(.closed) }
        if currentTaskIsCancelled() { throw abandon(.cancelled) }
        if Deadline.hasPassed { throw abandon(.timedOut) }
        progress.step = .call
        return true
    }
}
