public import SocketSystem

/// What one try of a system call answered.
public enum Attempt<Value> {
    /// It worked, and took all there was: the next operation may wait before its call.
    case drained(Value)
    /// It worked; there may be more.
    case undrained(Value)
    /// It worked, and took more than it hands out: the next operation need not wait for the kernel.
    case stocked(Value)
    /// It would have had to wait.
    case mustWait
    /// It failed for good.
    case failed(Errno)

    /// What a try that has worked means.
    @inlinable
    @inline(__always)
    public init(_ value: consuming Value, drained: Bool) {
        self = drained ? .drained(value) : .undrained(value)
    }

    /// What a transfer that has no count means.
    @inlinable
    @inline(__always)
    public init(failureOf transfer: Transfer) {
        self = transfer.mustWait ? .mustWait : .failed(transfer.errno)
    }
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
/// loop go first: a peer that never stops sending must not have the thread to itself. After a call
/// that drained the socket the next operation waits first, which saves a system call that would
/// answer EAGAIN. Every way out but `mustWait` gives the turn back, so an operation ends by
/// returning a result or throwing what these methods throw, and by nothing else.
///
/// `ready` is `mayCall` and `waited` by turns. Of the two only `waited` is asynchronous: where an
/// operation can often be done at once, or its asynchronous function costs too much, the tries are
/// a synchronous function, and its caller waits.
@safe
public struct Operation {
    /// What must come before the next try.
    @usableFromInline
    enum Step: Hashable, Sendable {
        /// Nothing.
        case call
        /// A wait for readiness.
        case wait
        /// A wait that has begun: the task must suspend.
        case mustSuspend
        /// The task suspends, and ends the wait when it goes on.
        case suspend
        /// The same by a continuation.
        case `continue`
        /// The end of a wait that is over already.
        case endWait
        /// Standing in line for the turn.
        case standInLine
        /// Letting others have the thread.
        case giveWay
        /// A look at what has become of the socket and the task, in line or while others had the
        /// thread.
        case look
    }

    /// How far an operation has come.
    public struct Progress: Sendable {
        @usableFromInline var step: Step
        /// How standing in line has ended.
        @usableFromInline var outcome = WaitOutcome.ready

        @inlinable
        init(_ step: Step) { self.step = step }
    }

    // SAFETY: an operation is a local of a function that calls the socket, which owns the
    // registration, once more after each wait, and therefore keeps it alive. Counting the references
    // of each step would cost more than the steps.
    @usableFromInline let registration: Unmanaged<Registration>
    @usableFromInline let direction: Direction
    /// How far it has come: what another value of the same operation goes on with.
    public var progress: Progress

    /// Begins: the turn is taken, unless another operation holds it and we may stand in line.
    @inlinable
    @inline(__always)
    public init(
        _ registration: borrowing Registration,
        _ direction: Direction,
        _ policy: TurnPolicy
    ) throws(OperationFailure) {
        self.init(registration, direction, Progress(.wait))
        // SAFETY: as in `descriptor`.
        let action = unsafe self.registration._withUnsafeGuaranteedRef { $0.begin(direction) }
        try begin(action, policy)
    }

    /// Begins to read what the one reader of a stream reads; it must wait if nothing has arrived.
    @inlinable
    @inline(__always)
    public init(reading registration: borrowing Registration) throws(OperationFailure) {
        self.init(registration, .read, Progress(.wait))
        // SAFETY: as in `descriptor`.
        let action = unsafe self.registration._withUnsafeGuaranteedRef { $0.beginReading() }
        try begin(action, .exclusive)
    }

    /// Goes on where another value, which is let go, has stopped.
    @inlinable
    @inline(__always)
    public init(
        _ registration: borrowing Registration,
        _ direction: Direction,
        _ progress: Progress
    ) {
        // SAFETY: as in `descriptor`.
        unsafe self.registration = Unmanaged.passUnretained(copy registration)
        self.direction = direction
        self.progress = progress
    }

    @inlinable
    @inline(__always)
    mutating func begin(_ action: BeginAction, _ policy: TurnPolicy) throws(OperationFailure) {
        if action == .call {
            progress.step = .call
            let status = checkCurrentTask()
            if status != TaskStatus.goesOn { try beginInSpite(of: status) }
            return
        }
        switch action {
        case .call: break
        // A wait finds out by itself whether the task is cancelled, and gives way.
        case .wait: progress.step = .wait
        case .suspend: progress.step = .mustSuspend
        case .endWait: progress.step = .endWait
        case .contended:
            if policy == .exclusive { throw .busy }
            progress.step = .standInLine
        case .closed: throw .closed
        }
    }

    @usableFromInline
    mutating func beginInSpite(of status: CInt) throws(OperationFailure) {
        if status == TaskStatus.cancelled { throw abandon(.cancelled) }
        progress.step = .giveWay
    }

    /// The socket; valid until the operation ends.
    @inlinable
    public var descriptor: CInt {
        // SAFETY: whoever made the operation keeps the registration alive until it ends.
        unsafe registration._withUnsafeGuaranteedRef { $0.descriptor }
    }

    /// Waits until the system call is worth trying.
    @inlinable
    public mutating func ready() async throws(OperationFailure) {
        while try !mayCall() { await waited() }
    }

    /// What a try means: the operation's value, which ends it, or nil to wait and try again.
    @inlinable
    public mutating func result<Value>(
        of attempt: consuming Attempt<Value>
    ) throws(OperationFailure) -> Value? {
        switch consume attempt {
        case .drained(let value):
            end(leaving: .nothing)
            return value
        case .undrained(let value):
            end(leaving: .unknown)
            return value
        case .stocked(let value):
            end(leaving: .stock)
            return value
        case .failed(let errno):
            end(leaving: .unknown)
            throw .system(errno)
        case .mustWait:
            progress.step = .wait
            return nil
        }
    }

    @inlinable
    func end(leaving remainder: Remainder) {
        // SAFETY: as in `descriptor`.
        unsafe registration._withUnsafeGuaranteedRef { $0.end(direction, leaving: remainder) }
    }

    /// Gives the turn back unused. The next operation tries its call first: this one may have kept
    /// bytes for it.
    @usableFromInline
    func abandon(_ outcome: WaitOutcome) -> OperationFailure {
        end(leaving: .unknown)
        let failure = unsafe registration._withUnsafeGuaranteedRef { $0.watchFailure }
        if outcome == .closed, let failure { return .system(failure) }
        return OperationFailure(outcome)
    }
}
