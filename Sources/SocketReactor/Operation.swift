public import SocketSystem

/// Why an operation ended without a value.
public enum OperationFailure: Error, Hashable, Sendable {
    /// The task was cancelled, or the socket drains.
    case cancelled
    /// The socket is closed on our side.
    case closed
    /// Another task holds the lock of the direction.
    case busy
    /// The deadline of a scope around the operation has passed.
    case timedOut
    /// The system call failed.
    case system(Errno)
}

/// What one try of a system call answered.
package enum Attempt: Hashable, Sendable {
    /// It worked, and leaves something or nothing for the next operation.
    case done(leaving: Remainder)
    /// It would have had to wait.
    case mustWait
    /// It failed for good.
    case failed(Errno)

    /// What a transfer that has no count means.
    @inline(__always)
    package init(failureOf transfer: Transfer) {
        self = transfer.mustWait ? .mustWait : .failed(transfer.errno)
    }
}

/// The one operation: begin, try, wait, end.
///
///     var operation = Operation(.write, .inLine)
///     while try !tryIt(&operation) { try await operation.wait(for: registration) }
///
/// where the try is synchronous and has this shape:
///
///     guard try operation.begins(on: registration) else { return false }
///     … the system call, once or more …
///     return try operation.ends(attempt, on: registration)
///
/// - `begins` takes the direction's lock at the first call, and checks cancellation, also if the call
///   can be tried at once. It is false if the operation must wait before it tries.
/// - `wait` waits for readiness, or for the lock in line behind other tasks. A wait that is cancelled
///   or timed out has consumed nothing, and gives the lock back.
/// - After an interruption the call is tried once more: what arrived before a deadline is seen before
///   the deadline is.
/// - One operation in 64 that need not wait lets other tasks of its loop run: a peer that never stops
///   sending must not have the thread to itself.
/// - After a call that drained the socket the next operation waits first, which saves a system call
///   that would answer EAGAIN.
public struct Operation: Sendable {
    /// What happens if another operation holds the lock.
    public enum Contention: Sendable {
        /// Fail with `busy`: two readers of one stream are a mistake.
        case fails
        /// Stand in line.
        case standsInLine
    }

    public let direction: Direction
    private let contention: Contention
    /// Whether the task is known to be the socket's owner, see `Registration.withOwner`.
    private let isOwner: Bool
    /// What comes next: empty before the beginning, then `call`, `wait`, `yield` or `standInLine`.
    private var next: Actions = []
    /// The deadline has passed, and the call was tried once more since.
    private var isLastTry = false

    @inline(__always)
    package init(_ direction: Direction, _ contention: Contention, asOwner isOwner: Bool = false) {
        self.direction = direction
        self.contention = contention
        self.isOwner = isOwner
    }

    /// Whether the system call may be tried now; if not, `wait(for:)` comes first.
    package mutating func begins(
        on registration: borrowing Registration
    ) throws(OperationFailure) -> Bool {
        if next == .call { return true }
        next = registration.begin(direction, yields: EventLoop.yieldIsDue())
        switch next {
        case .call, .yield:
            // Before an owner is cancelled, its socket drains.
            if isOwner, !registration.isDraining(direction) { break }
            if Task.isCancelled { throw registration.abandon(direction, .cancelled) }
        case .refuse: throw registration.closedFailure
        case .standInLine: if contention == .fails { throw .busy }
        default: break
        }
        return next == .call
    }

    /// Ends the operation with what a try answered; false if it must wait and try again.
    package mutating func ends(
        _ attempt: Attempt,
        on registration: borrowing Registration
    ) throws(OperationFailure) -> Bool {
        switch attempt {
        case .done(let remainder):
            registration.end(direction, leaving: remainder)
            return true
        case .mustWait:
            next = .wait
            return false
        case .failed(let errno):
            registration.end(direction, leaving: .unknown)
            throw .system(errno)
        }
    }

    /// Does what must come before the next try.
    ///
    /// Compiled into its callers: an asynchronous function of its own costs each wait a frame.
    @inlinable
    @inline(__always)
    public mutating func wait(for registration: Registration) async throws(OperationFailure) {
        switch waitsAsOwner(for: registration) {
        case true?:
            let outcome = await unsafe withUnsafeContinuation { waiter in
                unsafe registration.park(direction, waiter)
            }
            try goesOn(outcome, registration)
        case false?: try await registration.waitUntilReady(direction)
        case nil: try await waitOtherwise(for: registration)
        }
    }

    /// Whether it waits for readiness as the owner, for whose cancellation nothing must be set up; nil
    /// if it waits for something else, or has a deadline.
    public mutating func waitsAsOwner(for registration: borrowing Registration) -> Bool? {
        guard next == .wait, Deadline.current == nil else { return nil }
        endStreak()
        next = .call
        return isOwner || registration.isOwnedByCurrentTask
    }

    public func goesOn(
        _ outcome: Actions,
        _ registration: borrowing Registration
    ) throws(OperationFailure) {
        if outcome != .call { try registration.look(direction, outcome) }
    }

    public mutating func waitOtherwise(
        for registration: Registration
    ) async throws(OperationFailure) {
        switch next {
        case .standInLine: try await registration.standInLine(direction)
        case .yield:
            await EventLoop.yield()
            if let failure = Deadline.current.failure {
                throw registration.abandon(direction, failure)
            }
            try registration.look(direction)
        default:
            endStreak()
            let deadline = Deadline.current
            if deadline?.hasPassed == true, !isLastTry {
                isLastTry = true
            } else {
                try await registration.waitUntilReady(direction, deadline)
            }
        }
        next = .call
    }
}
