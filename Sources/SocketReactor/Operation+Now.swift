// For operations that can often be done at once: tried without an async function around them,
// which costs as much as a system call saves.

extension Operation {
    /// Whether the system call may be tried without waiting first.
    @inlinable
    public var isReady: Bool { next == .call }

    /// Gives the turn back without a result, before a try or after one that would have had to
    /// wait. An edge that has come meanwhile stays noted.
    @inlinable
    public func giveUp() {
        if next != .contended { end(undrained: false) }
    }
}
