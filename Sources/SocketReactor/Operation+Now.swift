// For operations that can often be done at once: tried without an async function around them,
// which costs as much as a system call saves.

extension Operation {
    /// Whether the system call may be tried without waiting first.
    @inlinable
    public var isReady: Bool { next == .call }

    /// Whether the direction's turn is held; else another operation holds it.
    @inlinable
    public var holdsTurn: Bool { next != .contended }

    /// Goes on with an operation that was begun by a synchronous function, which has let it go.
    ///
    /// - Parameters:
    ///   - registration: The socket.
    ///   - direction: What the operation does.
    ///   - holdsTurn: Whether it held the turn, and must wait before the next try.
    @inlinable
    public init(
        goingOnWith registration: borrowing Registration,
        _ direction: Direction,
        _ holdsTurn: Bool
    ) {
        // SAFETY: as in `init(_:_:_:)`.
        unsafe self.registration = Unmanaged.passUnretained(copy registration)
        self.direction = direction
        next = holdsTurn ? .wait : .contended
    }

    /// Gives the turn back without a result, before a try or after one that would have had to
    /// wait. An edge that has come meanwhile stays noted.
    @inlinable
    public func giveUp() {
        if next != .contended { end(undrained: false) }
    }
}
