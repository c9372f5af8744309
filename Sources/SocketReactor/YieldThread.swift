internal import SocketSystem

/// Lets the other tasks of the current loop, and what its sockets have become ready for, have the
/// thread before this task goes on.
///
/// `Task.yield` would send the task round by the global executor, and so to another loop.
package func yieldThread() async {
    guard let loop = EventLoop.current, let task = suspendableTask() else {
        return await Task.yield()
    }
    loop.enqueueLocally(task.job)
    await suspendCurrentTask()
}

/// Gives way, as an operation does, where this thread's operations have not waited for long.
///
/// - Returns: Whether the task goes on; not where it is cancelled.
package func yieldThreadIfDue() async -> Bool {
    let status = checkCurrentTask()
    guard status == TaskStatus.givesWay else { return status == TaskStatus.goesOn }
    await yieldThread()
    return !currentTaskIsCancelled()
}
