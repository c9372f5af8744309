internal import CSocketSystem

/// A gate that one thread waits at until another opens it, pthread_cond_timedwait(3).
///
/// It needs no descriptor, unlike an eventfd.
@safe
package final class ThreadGate: Sendable {
    // SAFETY: set once, freed by `deinit`; the C functions lock.
    private nonisolated(unsafe) let gate: OpaquePointer

    package init() { unsafe gate = csock_gate_create() }

    deinit { unsafe csock_gate_destroy(gate) }

    /// Lets the waiting thread pass, or the next that comes.
    package func open() { unsafe csock_gate_open(gate) }

    /// Blocks the thread until the gate is open, and closes it; false if that took too long.
    package func wait(atMost duration: Duration) -> Bool {
        unsafe csock_gate_wait(gate, max(duration.clampedNanoseconds, 0)) == 1
    }
}
