internal import Synchronization

/// A mutex whose hand-over ThreadSanitizer can see.
///
/// Where two threads contend for a `Synchronization.Mutex`, the kernel passes it on, and the
/// sanitizer takes the next owner's accesses for races. The acquire and the release below say
/// what the lock assures anyway; on the machines that we know they are a plain load and store.
struct Mutex<Value: ~Copyable>: ~Copyable, Sendable {
    private let mutex: Synchronization.Mutex<Value>
    private let order = Atomic<UInt8>(0)

    init(_ value: consuming sending Value) {
        mutex = Synchronization.Mutex(value)
    }

    /// Runs a body that has the value to itself.
    borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        try mutex.withLock { value throws(Failure) in
            _ = order.load(ordering: .acquiring)
            defer { order.store(0, ordering: .releasing) }
            return try body(&value)
        }
    }
}
