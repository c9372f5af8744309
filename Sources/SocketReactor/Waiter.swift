/// A suspended task, to be resumed once: with true to try the call, with false to look around.
///
/// A body in place of the continuation, to be called for each arrival, would be another kind.
@safe
public struct Waiter: Sendable {
    private let continuation: UnsafeContinuation<Bool, Never>

    // SAFETY: `park` of a registration, which every waiter is given to, has it resumed once.
    @unsafe
    @usableFromInline
    @inline(__always)
    init(_ continuation: UnsafeContinuation<Bool, Never>) {
        unsafe self.continuation = unsafe continuation
    }

    @inline(__always)
    func resume(_ isReady: Bool) { unsafe continuation.resume(returning: isReady) }
}

/// Suspends the task; what is called with it sees to it that it is resumed, once.
///
/// - Returns: What it was resumed with.
@inlinable
@inline(__always)
public func suspend(
    isolation: isolated (any Actor)? = #isolation,
    _ park: (Waiter) -> Void
) async -> Bool {
    await unsafe withUnsafeContinuation(isolation: isolation) { unsafe park(Waiter($0)) }
}
