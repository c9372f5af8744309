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
///     var operation = Operation(.write, .standsInLine)
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

    package let direction: Direction
    private let contention: Contention
    /// Whether the task is known to be the socket's owner, see `Registration.withOwner`.
    private let isOwner: Bool
    /// What comes next: empty before the beginning, then `call`, `wait`, `yield` or `standInLine`.
    private var next: Actions = []
    /// Its wait has ended with something else than readiness: it must look around.
    private var isInterrupted = false
    /// Its wait was refused.
    private var isRefused = false
    /// The deadline has passed, and the call was tried once more since.
    private var isLastTry = false

    @inline(__always)
    package init(_ direction: Direction, _ contention: Contention, asOwner isOwner: Bool = false) {
        self.direction = direction
        self.contention = contention
        self.isOwner = isOwner
    }

    /// Whether the system call may be tried now; if not, it must wait first.
    package mutating func begins(
        on registration: borrowing Registration
    ) throws(OperationFailure) -> Bool {
        if isInterrupted { try look(registration) }
        if next == .call { return true }
        next = registration.begin(direction, yields: EventLoop.yieldIsDue())
        switch next {
        case .call, .yield:
            // Before an owner is cancelled, its socket drains.
            if isOwner, !registration.isDraining(direction) { break }
            if Task.isCancelled { throw registration.abandon(direction, .cancelled) }
        case .refuse: throw .closed
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

    private mutating func look(
        _ registration: borrowing Registration
    ) throws(OperationFailure) {
        isInterrupted = false
        try registration.look(direction, isRefused: isRefused)
    }
}

// MARK: - Waiting

extension Operation {
    /// Does what must come before the next try.
    ///
    /// Compiled into its callers: an asynchronous function of its own costs each wait a frame.
    @inlinable
    @inline(__always)
    public mutating func wait(
        for registration: Registration
    ) async throws(OperationFailure) {
        if waitsAsOwner(for: registration) {
            let isReady = await unsafe withUnsafeContinuation { unsafe park(on: registration, $0) }
            resumed(isReady)
        } else {
            try await waitOtherwise(for: registration)
        }
    }

    /// Whether it waits for readiness as the owner: then nothing must be set up for the task's
    /// cancellation.
    public mutating func waitsAsOwner(for registration: borrowing Registration) -> Bool {
        guard next == .wait, isOwner || registration.isOwnedByCurrentTask,
            Deadline.current == nil
        else { return false }
        endStreak()
        return true
    }

    // SAFETY: the registration sees to it that the waiter is resumed once.
    @unsafe
    public mutating func park(on registration: Registration, _ waiter: Registration.Waiter) {
        isRefused = unsafe registration.park(direction, waiter) == .refuse
    }

    public mutating func resumed(_ isReady: Bool) {
        next = .call
        isInterrupted = !isReady
    }

    /// The same for everybody else, and for other waits.
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
        default:
            endStreak()
            let deadline = Deadline.current
            if deadline?.hasPassed == true {
                if isLastTry { throw registration.abandon(direction, .timedOut) }
                isLastTry = true
            } else {
                // Its own loop keeps the time: another may be busy, or have ended.
                let timer = deadline?.kept(by: registration.loop).setTimer { [direction] in
                    registration.interrupt(direction)
                }
                defer { timer?.cancel() }
                return resumed(await suspendGuarded(on: registration))
            }
        }
        resumed(false)
    }

    /// Suspends a task that has no handler for its cancellation.
    private mutating func suspendGuarded(on registration: Registration) async -> Bool {
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { waiter in
                unsafe park(on: registration, waiter)
                // An interruption that came before the slot had a waiter has found nobody.
                if Deadline.current.failure != nil { registration.interrupt(direction) }
            }
        } onCancel: { [direction] in
            registration.interrupt(direction)
        }
    }
}
