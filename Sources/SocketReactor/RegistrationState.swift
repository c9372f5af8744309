package import Synchronization

/// A direction of transfer.
public enum Direction: UInt64, Hashable, Sendable, CaseIterable {
    case read = 0
    case write = 16
}

/// What the driver of a `RegistrationState` must do after a step. Tests carry out the same actions.
package struct Actions: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16

    @inline(__always)
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The operation holds the lock: try the system call.
    package static var call: Actions { Actions(rawValue: 1 << 0) }
    /// It holds the lock, and nothing is ready: wait before the call.
    package static var wait: Actions { Actions(rawValue: 1 << 1) }
    /// It holds the lock: let other tasks run, then try the call.
    package static var yield: Actions { Actions(rawValue: 1 << 2) }
    /// Others hold the lock: stand in line, or fail.
    package static var standInLine: Actions { Actions(rawValue: 1 << 3) }
    /// There is nothing to be had: the socket is closed, drains, or has too many uses.
    package static var refuse: Actions { Actions(rawValue: 1 << 4) }
    /// The waiter stays suspended: whoever is told to resume it does so.
    package static var park: Actions { Actions(rawValue: 1 << 5) }
    /// Tell the poller what to watch.
    package static var watch: Actions { Actions(rawValue: 1 << 6) }
    /// Resume the waiting reader.
    package static var resumeReader: Actions { Actions(rawValue: 1 << 7) }
    /// Resume the waiting writer.
    package static var resumeWriter: Actions { Actions(rawValue: 1 << 8) }
    /// The lock is free for the first in line.
    package static var unpark: Actions { Actions(rawValue: 1 << 9) }
    /// Nobody uses the descriptor any more: close it.
    package static var closeDescriptor: Actions { Actions(rawValue: 1 << 10) }

    @inline(__always)
    package func has(_ action: Actions) -> Bool { rawValue & action.rawValue != 0 }

    @inline(__always)
    fileprivate static func resume(_ direction: Direction, if wakes: Bool) -> Actions {
        guard wakes else { return [] }
        return direction == .read ? .resumeReader : .resumeWriter
    }
}

/// All that guards one descriptor, in one word, so that each step is one compare-and-swap.
///
///     63       48 47            33  32  31            16 15             0
///     +----------+----------------+----+----------------+---------------+
///     | (unused) | uses, 15 bits  | gone| write slot    | read slot     |
///     +----------+----------------+----+----------------+---------------+
///
/// The descriptor is closed by the step after which the slots are closed, no lock is held and there
/// are no uses: that step sets `gone`, once.
package struct RegistrationState: Hashable, Sendable, BitwiseCopyable, AtomicRepresentable {
    private var word: UInt64

    package typealias AtomicRepresentation = UInt64.AtomicRepresentation

    package init() { word = 0 }

    @inline(__always)
    private init(word: UInt64) { self.word = word }

    @inline(__always)
    package static func encodeAtomicRepresentation(
        _ value: consuming RegistrationState
    ) -> AtomicRepresentation {
        UInt64.encodeAtomicRepresentation(value.word)
    }

    @inline(__always)
    package static func decodeAtomicRepresentation(
        _ storage: consuming AtomicRepresentation
    ) -> RegistrationState {
        RegistrationState(word: UInt64.decodeAtomicRepresentation(storage))
    }

    /// The slot of a direction.
    @inline(__always)
    package subscript(direction: Direction) -> Slot {
        get { Slot(flags: UInt16(truncatingIfNeeded: word >> direction.rawValue)) }
        set {
            word &= ~(0xffff << direction.rawValue)
            word |= UInt64(newValue.flags) << direction.rawValue
        }
    }

    private static let gone: UInt64 = 1 << 32
    private static let oneUse: UInt64 = 1 << 33
    private static let uses: UInt64 = 0x7fff << 33
    /// One less, so that closing can always borrow the descriptor.
    private static let mostUses: UInt64 = 0x7ffe << 33
    private static let locked =
        UInt64(Slot.locked) | UInt64(Slot.locked) << Direction.write.rawValue

    @inline(__always)
    package var isClosed: Bool { self[.read].has(Slot.closed) }

    /// The directions that the poller watches.
    @inline(__always)
    package var armed: Interest {
        var armed: Interest = []
        if self[.read].has(Slot.armed) { armed.formUnion(.read) }
        if self[.write].has(Slot.armed) { armed.formUnion(.write) }
        return armed
    }
}

// MARK: - An operation

extension RegistrationState {
    /// Begins an operation: takes the lock if it is free.
    ///
    /// - Parameters:
    ///   - direction: The operation's.
    ///   - yields: Other tasks should run before its call.
    /// - Returns: `call`, `yield` or `wait` with the lock; `standInLine` or `refuse` without.
    @inline(__always)
    package mutating func begin(_ direction: Direction, yields: Bool = false) -> Actions {
        if isClosed { return .refuse }
        guard self[direction].isFree else { return .standInLine }
        guard self[direction].lock() else { return .wait }
        return yields ? .yield : .call
    }

    /// Asks for the lock in line, in the order of the line and under its lock.
    ///
    /// - Returns: `call` with the lock, `standInLine` to go on waiting, `refuse` if it is closed.
    package mutating func beginInLine(_ direction: Direction) -> Actions {
        if isClosed { return .refuse }
        guard !self[direction].has(Slot.locked) else {
            self[direction].queue()
            return .standInLine
        }
        self[direction].lockInLine()
        return .call
    }

    /// Waits, because the system call would have to.
    ///
    /// - Returns: `park` to stay suspended; `watch` to arm the direction, to tell the poller, and
    ///   then to park again; `call` to try again at once; `refuse`.
    @inline(__always)
    package mutating func park(_ direction: Direction) -> Actions {
        if isClosed { return .refuse }
        if self[direction].takeReady() { return .call }
        if self[direction].has(Slot.draining) { return .refuse }
        guard self[direction].has(Slot.armed) else { return .watch }
        self[direction].wait()
        return .park
    }

    /// Ends an operation: gives the lock back.
    @inline(__always)
    package mutating func end(_ direction: Direction, leaving remainder: Remainder) -> Actions {
        let isQueued = self[direction].unlock(leaving: remainder)
        if !isQueued, !isClosed { return [] }
        return closeIfUnused().union(isQueued ? .unpark : [])
    }

    /// Borrows the descriptor for a call outside of the two locks; `refuse` if it is closed.
    package mutating func beginUse() -> Actions {
        if isClosed || word & Self.uses >= Self.mostUses { return .refuse }
        word += Self.oneUse
        return .call
    }

    /// Gives a borrowed descriptor back.
    package mutating func endUse() -> Actions {
        word -= Self.oneUse
        return closeIfUnused()
    }

    @inline(__always)
    private mutating func closeIfUnused() -> Actions {
        guard isClosed, word & (Self.locked | Self.uses | Self.gone) == 0 else { return [] }
        word |= Self.gone
        return .closeDescriptor
    }
}

// MARK: - What others do to it

extension RegistrationState {
    /// The kernel reports readiness.
    ///
    /// - Parameters:
    ///   - readiness: What it reports.
    ///   - repeats: The poller is level-triggered.
    /// - Returns: Whom to resume, and `watch` if the poller must watch less.
    @inline(__always)
    package mutating func kernelReady(_ readiness: Readiness, repeats: Bool) -> Actions {
        if readiness == .read, !repeats {
            let wakes = self[.read].kernelReady(eager: false, repeats: false)
            return .resume(.read, if: wakes)
        }
        return kernelReadyOtherwise(readiness, repeats: repeats)
    }

    private mutating func kernelReadyOtherwise(_ readiness: Readiness, repeats: Bool) -> Actions {
        let armedBefore = armed
        var actions: Actions = []
        for direction in Direction.allCases where readiness.contains(.of(direction)) {
            let wakes = self[direction].kernelReady(
                eager: readiness.contains(.eager(direction)),
                repeats: repeats
            )
            actions.formUnion(.resume(direction, if: wakes))
        }
        if armed != armedBefore { actions.formUnion(.watch) }
        return actions
    }

    /// Lets a waiter look around: its task was cancelled, or its deadline has passed.
    package mutating func interrupt(_ direction: Direction) -> Actions {
        .resume(direction, if: self[direction].stopWaiting())
    }

    /// From now on nobody waits for more in a direction.
    package mutating func drain(_ direction: Direction) -> Actions {
        .resume(direction, if: self[direction].drain())
    }

    /// Closes both directions, and borrows the descriptor for the closing itself; `refuse` if they
    /// were closed before.
    package mutating func close() -> Actions {
        if isClosed { return .refuse }
        word += Self.oneUse
        let reader = Actions.resume(.read, if: self[.read].close())
        return reader.union(.resume(.write, if: self[.write].close()))
    }

    /// Closes both directions and gives the open descriptor to the caller: `call`, or `refuse` if
    /// it is in use or closed.
    package mutating func detach() -> Actions {
        guard !isClosed, word & (Self.locked | Self.uses) == 0 else { return .refuse }
        _ = self[.read].close()
        _ = self[.write].close()
        word |= Self.gone
        return .call
    }
}

extension Readiness {
    fileprivate static func of(_ direction: Direction) -> Readiness {
        direction == .read ? .read : .write
    }

    fileprivate static func eager(_ direction: Direction) -> Readiness {
        direction == .read ? .eagerRead : .eagerWrite
    }
}
