internal import CSocketSystem
internal import Glibc

/// Starts a detached thread, pthread_create(3), with every signal but faults blocked.
///
/// - Parameters:
///   - name: What `top -H` shows; cut to 15 bytes.
///   - body: What the thread runs.
/// - Throws: EAGAIN if the system has no room for another thread.
package func startThread(
    name: String,
    _ body: @escaping @Sendable () -> Void
) throws(Errno) {
    let context = unsafe Unmanaged.passRetained(ThreadBody(body))
    // SAFETY: the retain is taken back exactly once: by the new thread, or here if none started.
    let result = unsafe csock_thread_start(
        name,
        { unsafe Unmanaged<ThreadBody>.fromOpaque($0!).takeRetainedValue().run() },
        context.toOpaque()
    )
    if result < 0 { unsafe context.release() }
    try check(result)
}

/// Fails unless so many further threads can be had, all at once, pthread_create(3): starts them,
/// and lets them end.
///
/// - Parameter count: The number of threads, positive.
/// - Throws: EAGAIN if the system has no room for them.
package func tryThreads(_ count: Int) throws(Errno) {
    try check(csock_threads_try(CInt(clamping: count)))
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Lets the calling thread sleep, poll(2) of nothing.
package func pauseThread(milliseconds: CInt) {
    _ = csock_poll(nil, 0, milliseconds)
}

/// How many processors this process may run on, sched_getaffinity(2).
package var availableProcessors: Int { Int(csock_processors_available()) }

/// What the calling thread's event loop keeps for it; nil if it is no loop's.
@unsafe
@inline(__always)
package func currentLoop() -> UnsafeMutableRawPointer? { unsafe csock_current_loop() }

/// Sets or clears what `currentLoop` answers on the calling thread.
@unsafe
package func setCurrentLoop(_ pointer: UnsafeMutableRawPointer?) {
    // SAFETY: a thread's own pointer.
    unsafe csock_set_current_loop(pointer)
}

/// Counts one more operation in a row that has not waited on the calling thread.
@inline(__always)
package func lengthenStreak() -> Int { Int(csock_lengthen_streak()) }

/// Begins to count anew.
@inline(__always)
package func endStreak() { csock_end_streak() }
