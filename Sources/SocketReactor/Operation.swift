package import SocketSystem

/// Why an operation ended without a value.
package enum OperationFailure: Error, Hashable, Sendable {
    /// The task was cancelled, or the socket drains.
    case cancelled
    /// The socket is closed on our side.
    case closed
    /// Another task holds the lock of the direction.
    case busy
    /// The deadline of a scope around the operation has passed.
    case timedOut
    /// The loop's thread has stayed in the parent of this process, see `EventLoop.isLeftBehind`.
    case forked
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
/// - `begins` takes the direction's lock at the first call, and checks cancellation, also if the
///   call can be tried at once. It is false if the operation must wait before it tries.
/// - `wait` waits for readiness, or for the lock in line behind other tasks. A wait that is
///   cancelled or timed out has consumed nothing, and gives the lock back.
/// - After its deadline has passed, the call is tried once more: what arrived before the deadline
///   is seen before the deadline is.
/// - After 64 operations in a row that need not wait, one lets other tasks of its loop run: a peer
///   that never stops sending must not have the thread to itself.
/// - A call that fails for want of memory is tried again a few times, after pauses.
/// - After a call that drained the socket the next operation waits first, which saves a system call
///   that would answer EAGAIN.
public struct Operation: Sendable {
    /// What happens if another operation holds the lock.
    package enum Contention: Sendable {
        /// Fail with `busy`: two readers of one stream are a mistake.
        case fails
        /// Stand in line.
        case standsInLine
    }

    /// What it transfers.
    public let direction: Direction
    private let contention: Contention
    /// Whether the task is known to be the socket's owner, see `Registration.own`.
    private let isOwner: Bool
    /// What comes next: empty before the beginning, then `call`, `wait`, `yield` or `standInLine`.
    private var next: Actions = []
    /// Its wait has ended with something else than readiness: it must look around.
    private var isInterrupted = false
    /// Whether it waits for readiness alone, without a deadline.
    public private(set) var suspends = false
    /// Whether a handler must be set up for the task's cancellation meanwhile.
    public private(set) var isGuarded = false
    /// Its wait was refused.
    private var isRefused = false
    /// The deadline has passed, and the call was tried once more since.
    private var isLastTry = false
    /// How often the call failed for want of something that others may give back.
    private var shortages = 0

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
        case .call, .wait, .yield:
            // The socket of an owner that was cancelled drains.
            if isOwner, !registration.isDraining(direction) { break }
            if Task.isCancelled { throw registration.abandon(direction, .cancelled) }
        case .refuse: throw registration.loop.endFailure
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
            if shortages < Self.mostShortages, errno.remedy == .pause {
                shortages += 1
                next = .yield
                return false
            }
            registration.end(direction, leaving: .unknown)
            throw .system(errno)
        }
    }

    /// As each pause is twice as long as the one before, a quarter of a second in all.
    private static let mostShortages = 8

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
    package mutating func wait(
        for registration: Registration
    ) async throws(OperationFailure) {
        prepareToWait(for: registration)
        if suspends {
            await waitUntilReady(on: registration, isolation: #isolation)
        } else {
            try await waitOtherwise(for: registration)
        }
    }

    /// Waits for readiness alone, which most waits do, in an operation that `suspends`.
    ///
    /// The programs that read and write compile it in: an asynchronous function of its own costs a
    /// frame. All of it has the isolation of the caller, which then need not ask for the task's
    /// executor again after each step.
    @inlinable
    @inline(__always)
    public mutating func waitUntilReady(
        on registration: Registration,
        isolation: isolated (any Actor)?
    ) async {
        if isGuarded {
            let direction = direction
            let isReady = await withTaskCancellationHandler {
                await suspend(isolation: isolation) { parkGuarded(on: registration, $0) }
            } onCancel: {
                registration.interrupt(direction)
            }
            resumed(isReady)
        } else {
            resumed(await suspend(isolation: isolation) { park(on: registration, $0) })
        }
    }

    /// Finds out whether it `suspends`.
    package mutating func prepareToWait(for registration: borrowing Registration) {
        suspends = next == .wait && Deadline.current == nil
        guard suspends else { return }
        endStreak()
        isGuarded = !isOwner && !registration.isOwnedByCurrentTask
    }

    /// Lets a suspended task wait in its slot.
    public mutating func park(on registration: Registration, _ waiter: Waiter) {
        isRefused = registration.park(direction, waiter) == .refuse
    }

    /// The same for a task whose handler, or timer, may have interrupted it before the slot had a
    /// waiter, and found nobody.
    public mutating func parkGuarded(on registration: Registration, _ waiter: Waiter) {
        park(on: registration, waiter)
        if Deadline.current.failure != nil { registration.interrupt(direction) }
    }

    /// Goes on after a suspension.
    public mutating func resumed(_ isReady: Bool) {
        next = .call
        isInterrupted = !isReady
    }

    /// Waits if that is more than to suspend: with a deadline, in line, or to let others run.
    package mutating func waitOtherwise(
        for registration: Registration
    ) async throws(OperationFailure) {
        switch next {
        case .standInLine: try await registration.standInLine(direction)
        case .yield where shortages > 0:
            endStreak()
            do throws(OperationFailure) {
                try await registration.loop.pause(for: .milliseconds(1 << (shortages - 1)))
            } catch {
                throw registration.abandon(direction, error)
            }
        case .yield:
            await EventLoop.yield()
            if let failure = Deadline.current.failure {
                throw registration.abandon(direction, failure)
            }
        default:
            endStreak()
            let deadline = Deadline.current
            guard deadline?.hasPassed == true else {
                let timer = deadline.flatMap { deadline in
                    registration.loop.setTimer(at: deadline.moment) { [direction] in
                        registration.interrupt(direction)
                    }
                }
                defer { timer?.cancel() }
                isGuarded = true
                await waitUntilReady(on: registration, isolation: #isolation)
                isLastTry = isInterrupted && deadline?.hasPassed == true
                return
            }
            if isLastTry { throw registration.abandon(direction, .timedOut) }
            isLastTry = true
        }
        resumed(false)
    }
}
