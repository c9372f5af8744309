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

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Lets the calling thread sleep, poll(2) of nothing.
package func pauseThread(milliseconds: CInt) {
    _ = csock_poll(nil, 0, milliseconds)
}

/// Lets another thread that wants this processor have it first, sched_yield(2).
package func letOthersRun() { sched_yield() }

/// Makes the calling thread a batch thread, which does not interrupt others when it wakes, or a
/// normal one again, sched_setscheduler(2). A thread with another policy keeps it.
package func setBatchScheduling(_ isBatch: Bool) { csock_set_batch_scheduling(isBatch ? 1 : 0) }

/// How many processors this process may run on, sched_getaffinity(2).
package var availableProcessors: Int { Int(csock_processors_available()) }

/// An object that belongs to the calling thread: one loop's thread knows its loop.
///
/// The pointer is unowned: the code that sets it keeps the object alive and clears it before the end.
package func threadObject() -> UnsafeMutableRawPointer? { unsafe csock_current_loop() }

/// Sets or clears the calling thread's object.
package func setThreadObject<Object: AnyObject>(_ object: Object?) {
    let pointer = unsafe object.map { unsafe Unmanaged.passUnretained($0).toOpaque() }
    // SAFETY: the pointer is compared and borrowed by this thread only, while it is set.
    unsafe csock_set_current_loop(pointer)
}
