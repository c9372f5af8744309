public import SocketSystem

/// What one try of a system call answered.
public enum Attempt<Value> {
    /// It worked, and took all there was: the next operation may wait before its call.
    case drained(Value)
    /// It worked; there may be more.
    case undrained(Value)
    /// It would have had to wait.
    case mustWait
    /// It failed for good.
    case failed(Errno)
}

/// Why an operation ended without a value.
public enum OperationFailure: Error, Hashable, Sendable {
    /// The task was cancelled.
    case cancelled
    /// The socket is closed on our side.
    case closed
    /// Another task is reading.
    case busy
    /// The deadline of a scope around it passed, see `Deadline`.
    case timedOut
    /// The system call failed.
    case system(Errno)

    /// What a wait that did not end with `.ready` means.
    @usableFromInline
    package init(_ outcome: WaitOutcome) {
        self =
            switch outcome {
            case .cancelled: .cancelled
            case .timedOut: .timedOut
            case .ready, .closed: .closed
            }
    }
}

/// What an operation does where another holds the turn.
public enum TurnPolicy: Hashable, Sendable {
    /// Fail with `.busy`: two readers of one stream are a mistake.
    case exclusive
    /// Stand in line.
    case inLine
}

/// The one shape of every operation: take the direction's turn, then try, and wait, and try again.
///
///     var operation = try Operation(registration, .read, .exclusive)
///     while true {
///         try await operation.ready()
///         if let value = try operation.result(of: attempt) { return value }
///     }
///
/// Cancellation is checked on entry, on the fast path too. A wait that is cancelled has consumed
/// nothing. Where a thread's operations have long not waited, one of them lets the others of its
/// loop go first: a peer that never stops sending must not have the thread to itself. After a call that drained the socket the next operation waits first, which saves a
/// system call that would answer EAGAIN. Every way out but `mustWait` gives the turn back, so an
/// operation ends by returning a result or throwing what these methods throw, and by nothing else.
@safe
public struct Operation {
    // SAFETY: an operation is a local of a method of the socket that owns the registration, which
    // therefore outlives it. Counting the references of each step would cost more than the steps.
    @usableFromInline let registration: Unmanaged<Registration>
    @usableFromInline let direction: Direction
    /// What must come before the next try.
    @usableFromInline var next: BeginAction
    /// Whether others must have the thread before the next try.
    @usableFromInline var givesWay = false

    /// Begins: the turn is taken, unless another operation holds it and we may stand in line.
    @inlinable
    public init(
        _ registration: borrowing Registration,
        _ direction: Direction,
        _ policy: TurnPolicy
    ) throws(OperationFailure) {
        let registration = unsafe Unmanaged.passUnretained(copy registration)
        unsafe self.registration = registration
        self.direction = direction
        next = unsafe registration._withUnsafeGuaranteedRef { $0.begin(direction) }
        // A wait finds out by itself, and gives way.
        if next == .call {
            let status = checkCurrentTask()
            if status != TaskStatus.goesOn {
                if status == TaskStatus.cancelled { throw abandon(.cancelled) }
                givesWay = true
            }
        }
        if next == .closed { throw .closed }
        if next == .contended, policy == .exclusive { throw .busy }
    }

    /// The socket; valid until the operation ends.
    @inlinable
    public var descriptor: CInt {
        // SAFETY: as in `ready()`.
        unsafe registration._withUnsafeGuaranteedRef { $0.descriptor }
    }

    /// Waits until the system call is worth trying.
    @inlinable
    public mutating func ready() async throws(OperationFailure) {
        if next == .call {
            if givesWay { try await giveWay() }
            return
        }
        // SAFETY: whoever made the operation keeps the registration alive until it ends.
        let outcome: WaitOutcome
        if next == .wait {
            let wait = unsafe registration._withUnsafeGuaranteedRef { $0.beginWait(direction) }
            switch wait.next {
            case .over: break
            case .suspend: await suspendCurrentTask()
            case .continuation:
                await unsafe registration.takeUnretainedValue().waitByContinuation(direction)
            }
            outcome = unsafe registration._withUnsafeGuaranteedRef { $0.endWait(wait, direction) }
        } else {
            outcome = await unsafe registration.takeUnretainedValue().waitInLine(direction)
        }
        try resumed(outcome)
    }

    @usableFromInline
    mutating func resumed(_ outcome: WaitOutcome) throws(OperationFailure) {
        if next == .contended {
            guard outcome == .ready else { throw OperationFailure(outcome) }
            // Between the handing over and this line the task or the socket may have ended.
            // SAFETY: as in `ready()`.
            if unsafe registration._withUnsafeGuaranteedRef({ $0.isClosed }) {
                throw abandon(.closed)
            }
            if currentTaskIsCancelled() { throw abandon(.cancelled) }
        } else if outcome != .ready {
            throw abandon(outcome)
        }
        next = .call
    }

    /// Lets everything else that wants the thread have its turn.
    @usableFromInline
    mutating func giveWay() async throws(OperationFailure) {
        givesWay = false
        await yieldThread()
        // SAFETY: as in `ready()`.
        if unsafe registration._withUnsafeGuaranteedRef({ $0.isClosed }) { throw abandon(.closed) }
        if currentTaskIsCancelled() { throw abandon(.cancelled) }
        if Deadline.hasPassed { throw abandon(.timedOut) }
    }

    /// What a try means: the operation's value, which ends it, or nil to wait and try again.
    @inlinable
    public mutating func result<Value>(
        of attempt: Attempt<Value>
    ) throws(OperationFailure) -> Value? {
        switch attempt {
        case .drained(let value):
            end(undrained: false)
            return value
        case .undrained(let value):
            end(undrained: true)
            return value
        case .failed(let errno):
            end(undrained: true)
            throw .system(errno)
        case .mustWait:
            next = .wait
            return nil
        }
    }

    @inlinable
    func end(undrained: Bool) {
        // SAFETY: as in `ready()`.
        unsafe registration._withUnsafeGuaranteedRef { $0.end(direction, undrained: undrained) }
    }

    /// Gives the turn back unused. The next operation tries its call first: this one may have kept
    /// bytes for it.
    @usableFromInline
    func abandon(_ outcome: WaitOutcome) -> OperationFailure {
        end(undrained: true)
        let failure = unsafe registration._withUnsafeGuaranteedRef { $0.watchFailure }
        if outcome == .closed, let failure { return .system(failure) }
        return OperationFailure(outcome)
    }
}
