internal import SocketSystem

/// What only a loop's own thread touches, and any code that runs on it finds without a lock: the
/// jobs, and what its tasks share.
@safe
struct LoopThread {
    /// The loop, which its thread keeps alive.
    let loop: Unmanaged<EventLoop>
    /// The executor whose jobs run here.
    let group: ObjectIdentifier
    /// The jobs to run in the next turn.
    var jobs: [UnownedJob] = []
    /// The jobs of this turn; kept for its storage.
    var batch: [UnownedJob] = []
    /// The events of this turn, and the waiters that they wake; kept for their storage.
    var events: [ReadyEvent] = []
    var woken: [Waiter] = []
    /// The tasks that let others run before them.
    var yielding: [Waiter] = []
    /// How many turns the loop has run since it was told to stop.
    var lastTurns = 0
    /// See `EventLoop.attachment`.
    var attachment: AnyObject?

    init(of loop: EventLoop, in group: ObjectIdentifier) {
        unsafe self.loop = .passUnretained(loop)
        self.group = group
    }

    /// The one of the current thread; nil if that is no loop's.
    // SAFETY: `EventLoop.run` stores it, and takes it back before it is freed.
    @unsafe
    @inline(__always)
    static var current: UnsafeMutablePointer<LoopThread>? {
        unsafe currentLoop()?.assumingMemoryBound(to: LoopThread.self)
    }
}

// SAFETY: for all that follows: a thread's own values, which no other thread knows.

extension EventLoop {
    /// The loop whose thread this is, if it is one.
    package static var current: EventLoop? {
        unsafe LoopThread.current?.pointee.loop.takeUnretainedValue()
    }

    /// Queues a job for the next turn if this is the thread of one of a group's loops.
    @inline(__always)
    static func enqueueHere(_ job: UnownedJob, of group: ObjectIdentifier) -> Bool {
        guard let thread = unsafe LoopThread.current, unsafe thread.pointee.group == group else {
            return false
        }
        unsafe thread.pointee.jobs.append(job)
        return true
    }

    /// What the users of sockets keep beside the loop whose thread this is, such as buffers that
    /// its tasks share; nil on a thread that is no loop's.
    package static var attachment: AnyObject? {
        get { unsafe LoopThread.current?.pointee.attachment }
        set { unsafe LoopThread.current?.pointee.attachment = newValue }
    }

    /// Whether an operation that need not wait must let others run first.
    ///
    /// One after 64 in a row must: a turn of the loop in between costs about as much as two
    /// operations.
    @inline(__always)
    static func yieldIsDue() -> Bool { lengthenStreak() >= 64 }

    /// Lets the other tasks of this thread's loop, and what its sockets have become ready for, have
    /// the thread before this task goes on.
    ///
    /// `Task.yield` would send the task round by the global executor, and so to another loop.
    package static func yield() async {
        endStreak()
        // SAFETY: the thread's own values.
        guard unsafe LoopThread.current != nil else { return await Task.yield() }
        _ = await suspend { unsafe LoopThread.current!.pointee.yielding.append($0) }
    }
}
