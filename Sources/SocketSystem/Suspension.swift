internal import CSocketSystem
internal import Synchronization

/// A task that may be suspended by `suspendCurrentTask`, while it is the current one.
package struct SuspendableTask {
    /// What goes on with the task after it was suspended. To be run once.
    package let job: UnownedJob
    /// Different from that of every other task that has not ended; see `suspendedTask`.
    package let id: UInt

    /// Whether it is cancelled.
    package var isCancelled: Bool {
        // SAFETY: the current task lives.
        unsafe csock_is_cancelled(UnsafeMutableRawPointer(bitPattern: id)) != 0
    }
}

/// What goes on with a task that is suspended and has this `id`.
@unsafe
@inline(__always)
package func suspendedTask(_ id: UInt) -> UnownedJob {
    // SAFETY: the caller knows that such a task is suspended: its id is the pointer to it.
    unsafe unsafeBitCast(id, to: UnownedJob.self)
}

/// The current task; nil where it cannot be suspended by `suspendCurrentTask`: in isolation to an
/// actor, or with a concurrency runtime that lacks the primitive.
@inline(__always)
package func suspendableTask() -> SuspendableTask? {
    guard let task = unsafe csock_suspendable_task() else { return nil }
    // SAFETY: a task is a job, and `UnownedJob` is the pointer to it.
    return unsafe SuspendableTask(
        job: unsafeBitCast(task, to: UnownedJob.self),
        id: UInt(bitPattern: task)
    )
}

/// Suspends the current task, cheaper than a continuation; see `suspension.h`.
///
/// - Important: The thread that suspends the task is the one to run its job, after it has come back
///   to where it runs jobs.
@_silgen_name("csock_suspend")
public nonisolated(nonsending) func suspendCurrentTask() async

/// Brings a job's memory nearer to the processor before it runs.
@inline(__always)
package func prefetch(_ job: UnownedJob) {
    // SAFETY: the job is a pointer, which the call does not follow.
    unsafe csock_prefetch_task(unsafeBitCast(job, to: UnsafeRawPointer.self))
}

/// Brings the memory at an address nearer; any address will do.
@inline(__always)
package func prefetch(address: UInt) {
    csock_prefetch(address)
}

/// Orders every access before it before every access after it.
///
/// The compare-and-swap before it does so by itself on x86-64.
@inline(__always)
package func fullBarrier() {
    #if !arch(x86_64)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    #endif
}
