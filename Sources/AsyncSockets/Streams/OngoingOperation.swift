internal import SocketReactor

/// An operation that is not done at once, between its tries.
///
///     var operation = OngoingOperation()
///     while true {
///         if let value = try tryIt(&operation) { return value }
///         await operation.wait()
///     }
///
/// The tries are synchronous; the loop around them is most often compiled into the program that calls
/// it. So nothing is asynchronous but the suspension itself: an asynchronous function for each
/// operation costs as much as a small system call, and its frame stays in the memory of who waits.
@usableFromInline
struct OngoingOperation {
    /// None before the first try.
    private var operation: Operation?
    /// Whether all that is to be waited for is the suspended task's resumption.
    @usableFromInline var suspends = false

    @usableFromInline
    init() {}

    /// The operation, which begins now or goes on.
    @inline(__always)
    func begun(
        _ registration: borrowing Registration,
        _ direction: Direction,
        _ policy: TurnPolicy
    ) throws(OperationFailure) -> Operation {
        if let operation { return Operation(registration, direction, operation.progress) }
        return try Operation(registration, direction, policy)
    }

    /// The same for the one reader of a stream, which must wait if nothing has arrived.
    @inline(__always)
    func begun(reading registration: borrowing Registration) throws(OperationFailure) -> Operation {
        if let operation { return Operation(registration, .read, operation.progress) }
        return try Operation(reading: registration)
    }

    /// Keeps the operation, which must wait, for the next try.
    @inline(__always)
    mutating func keep(_ operation: Operation) {
        self.operation = operation
        suspends = operation.suspends
    }

    /// Waits for what the next try needs.
    @inlinable
    @inline(__always)
    mutating func wait() async {
        if suspends { await suspendCurrentTask() } else { await waitElsewhere() }
    }

    @usableFromInline
    mutating func waitElsewhere() async { await operation?.waitedElsewhere() }
}

/// As `SocketSystem.suspendCurrentTask`, for the program that uses this module.
@_silgen_name("csock_suspend")
@usableFromInline
nonisolated(nonsending) func suspendCurrentTask() async
