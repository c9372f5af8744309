internal import CSocketSystem

/// What a cancellation handler calls: the object it was added for, and a tag of 0 to 2.
package typealias CancellationBody = @convention(c) (UnsafeMutableRawPointer?, CInt) -> Void

/// Tells which function every cancellation handler calls. Once, before the first is added.
package func setCancellationBody(_ body: CancellationBody) {
    // SAFETY: a function lives for ever, and every caller passes the same one.
    unsafe csock_set_cancellation_body(body)
}

/// `Task.isCancelled` without counting a reference to the task.
package func currentTaskIsCancelled() -> Bool { csock_task_is_cancelled() != 0 }

/// What an operation that need not wait must know of its task before it begins: one of the numbers
/// of `TaskStatus`.
public func checkCurrentTask() -> CInt { csock_check_task() }

/// Tells `checkCurrentTask` that a task of this thread waits, and so others have their turn.
package func endStreak() { csock_end_streak() }

/// The answers of `checkCurrentTask`.
public enum TaskStatus {
    /// It may begin.
    @inlinable public static var goesOn: CInt { 0 }
    /// It must let others have the thread first.
    @inlinable public static var givesWay: CInt { 1 }
    /// The task is cancelled.
    @inlinable public static var cancelled: CInt { 2 }
}

/// A handler for the cancellation of the current task, cheaper than `withTaskCancellationHandler`.
///
/// - Important: Added and removed on behalf of one async function, in the order of a stack, as that
///   function would do it; the object must live until then.
@unsafe
package struct CancellationHandler {
    private let record: UnsafeMutableRawPointer?

    @inline(__always)
    package init(object: UnsafeMutableRawPointer, tag: CInt) {
        // SAFETY: the caller keeps the object alive until `remove`.
        unsafe record = csock_add_cancellation_handler(object, tag)
    }

    /// After this the handler is not running and will not run.
    @inline(__always)
    package func remove() {
        // SAFETY: the record was added by `init`, in the same function.
        unsafe csock_remove_cancellation_handler(record)
    }
}
