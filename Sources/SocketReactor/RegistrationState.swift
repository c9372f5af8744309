package import Synchronization

/// A direction of transfer.
public enum Direction: UInt64, Hashable, Sendable, CaseIterable {
    case read = 0
    case write = 16
}

/// All that guards one descriptor, in one word, so that each step is one compare-and-swap.
///
///     63       48 47            33  32  31            16 15             0
///     +----------+----------------+----+----------------+---------------+
///     | (unused) | uses, 15 bits  | gone| write slot    | read slot     |
///     +----------+----------------+----+----------------+---------------+
///
/// The descriptor is closed by whoever makes the step after which the slots are closed, no slot is
/// held and there are no uses: that step sets `gone`, once.
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
    package subscript(direction: Direction) -> ReadinessSlot {
        get { ReadinessSlot(flags: UInt16(truncatingIfNeeded: word >> direction.rawValue)) }
        set {
            word &= ~(0xffff << direction.rawValue)
            word |= UInt64(newValue.flags) << direction.rawValue
        }
    }

    private static let gone: UInt64 = 1 << 32
    private static let oneUse: UInt64 = 1 << 33
    private static let uses: UInt64 = 0x7fff << 33
    private static let held =
        UInt64(ReadinessSlot.held) | UInt64(ReadinessSlot.held) << Direction.write.rawValue

    package var isClosed: Bool { self[.read].has(ReadinessSlot.closed) }

    /// The directions that the poller watches.
    @inline(__always)
    package var armed: Interest {
        var armed: Interest = []
        if self[.read].has(ReadinessSlot.armed) { armed.formUnion(.read) }
        if self[.write].has(ReadinessSlot.armed) { armed.formUnion(.write) }
        return armed
    }

    /// Borrows the descriptor for a call outside the two turns; false if the socket is closed.
    package mutating func beginUse() -> Bool {
        if isClosed { return false }
        word += Self.oneUse
        return true
    }

    /// Gives a borrowed descriptor back. True if the caller must close it.
    package mutating func endUse() -> Bool {
        word -= Self.oneUse
        return becomesGone()
    }

    /// Ends an operation. What must follow is in the answer.
    @inline(__always)
    package mutating func end(_ direction: Direction, leaving remainder: Remainder) -> EndAction {
        guard self[direction].end(leaving: remainder) else { return .handOn }
        return becomesGone() ? .closeDescriptor : .nothing
    }

    /// Closes both directions and borrows the descriptor for the closing itself.
    ///
    /// - Returns: Which waiters must be resumed with `.closed`, or nil if it was closed already.
    package mutating func close() -> (wakeReader: Bool, wakeWriter: Bool)? {
        guard beginUse() else { return nil }
        return (self[.read].close(), self[.write].close())
    }

    /// Closes both directions and gives the open descriptor to the caller; false if it is in use.
    package mutating func detach() -> Bool {
        guard !isClosed, word & (Self.held | Self.uses) == 0 else { return false }
        _ = self[.read].close()
        _ = self[.write].close()
        word |= Self.gone
        return true
    }

    @inline(__always)
    private mutating func becomesGone() -> Bool {
        guard isClosed, word & (Self.held | Self.uses | Self.gone) == 0 else { return false }
        word |= Self.gone
        return true
    }
}

/// What must follow the end of an operation.
package enum EndAction: Hashable, Sendable {
    case nothing
    /// Others stand in line: the turn, still held, goes to the first.
    case handOn
    /// The socket was closed meanwhile and this was its last use.
    case closeDescriptor
}
