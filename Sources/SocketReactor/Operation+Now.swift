/// What an operation that was begun by a synchronous function must do before its next try.
public enum OperationRest: Hashable, Sendable {
    /// It holds the turn and waits for readiness.
    case waits
    /// Another operation holds the turn.
    case contended
    /// It holds the turn and lets others have the thread first.
    case givesWay
}

// For operations that can often be done at once: tried without an async function around them,
// which costs as much as a system call saves.

extension Operation {
    /// Whether the system call may be tried without waiting first.
    @inlinable
    public var isReady: Bool { next == .call && !givesWay }

    /// How another operation goes on where this one, which is let go, has to stop.
    @inlinable
    public var rest: OperationRest {
        if givesWay { return .givesWay }
        return next == .contended ? .contended : .waits
    }

    /// Goes on with an operation that was begun by a synchronous function, which has let it go.
    ///
    /// - Parameters:
    ///   - registration: The socket.
    ///   - direction: What the operation does.
    ///   - rest: What is left to do before the next try.
    @inlinable
    public init(
        goingOnWith registration: borrowing Registration,
        _ direction: Direction,
        _ rest: OperationRest
    ) {
        // SAFETY: as in `init(_:_:_:)`.
        unsafe self.registration = Unmanaged.passUnretained(copy registration)
        self.direction = direction
        switch rest {
        case .waits: next = .wait
        case .contended: next = .contended
        case .givesWay:
            next = .call
            givesWay = true
        }
    }

    /// Gives the turn back without a result, before a try or after one that would have had to
    /// wait. An edge that has come meanwhile stays noted.
    @inlinable
    public func giveUp() {
        // Before a try, the readiness that it was about to use up is still there.
        if next != .contended { end(undrained: next == .call) }
    }
}
