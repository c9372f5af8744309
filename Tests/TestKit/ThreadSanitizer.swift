internal import SocketSystem

/// Whether the tests run under ThreadSanitizer, whose run-time takes a few things from a process:
/// its exit tests do not go together with descriptor limits, and of several signals of one number
/// it keeps one for a thread that runs.
package enum ThreadSanitizer {
    /// False if `.ci/tsan` runs the tests.
    package static var isOff: Bool { environmentVariable("ASYNCSOCKETS_SANITIZER") != "thread" }
}
