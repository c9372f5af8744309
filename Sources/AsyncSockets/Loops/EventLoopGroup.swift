package import SocketReactor
internal import SocketSystem
internal import Synchronization

/// A group of event loops. Each is one thread that waits for its sockets, by default with epoll(7),
/// and runs the tasks that they wake.
///
/// Most programs use `EventLoopGroup.shared` and never name it. A separate group, passed as `on:`,
/// keeps one part of a program's sockets and tasks apart from another's.
///
/// When the last reference to a group is gone, its threads end once its last socket is closed.
public final class EventLoopGroup: Sendable {
    /// The loops, or the reason why they could not be started; every socket of the group then
    /// throws it.
    let started: Result<LoopGroup, SocketError>

    /// The group that is used if none is named: one loop for each processor that the process may
    /// run on.
    ///
    /// Environment variables change it: `ASYNCSOCKETS_LOOPS` is the number of loops,
    /// `ASYNCSOCKETS_BACKEND` is how they wait (`epoll`, `epoll-level`, `poll`, `select`).
    ///
    /// If a value is not a positive number of loops, or not a backend, every use throws an error.
    /// If the system refuses the loops for now, each use tries again.
    public static var shared: EventLoopGroup {
        kept.withLock { kept in
            if let kept, kept.isHere { return kept }
            let group = EventLoopGroup()
            if case .success = group.started { kept = group }
            return group
        }
    }

    /// False in a child that was forked off after the threads had been started.
    private var isHere: Bool { (try? started.get())?.loops.first?.isLeftBehind != true }

    private static let kept = Mutex<EventLoopGroup?>(nil)
    /// Whether there was room for the threads of the runtime when the first group had its own.
    private static let hasRoom = Atomic(false)

    /// Starts a group.
    ///
    /// The environment variable `ASYNCSOCKETS_BACKEND` chooses the backend of every group that
    /// names none. With `ASYNCSOCKETS_WAKEUP=pipe` every group wakes its loops through a pipe.
    ///
    /// The corresponding system calls are `pthread_create(3)`, `epoll_create1(2)` and
    /// `eventfd(2)`.
    ///
    /// - Parameters:
    ///   - loops: The number of loops, each with one thread; at least 1.
    ///   - backend: How they wait. Nil for `epoll`, unless the environment says otherwise or the
    ///     system has no epoll.
    ///   - pinned: Whether each thread stays on one of the processors that the process may run on:
    ///     the first loop's on the first, and so on, in a circle. That saves cache misses if the
    ///     program has the machine for itself, and costs speed if it shares it.
    /// - Throws: `SocketError` if the number is less than 1, the environment names no backend, or
    ///   the system refuses a thread or a descriptor.
    public init(
        loops: Int,
        backend: Backend? = nil,
        pinned: Bool = false
    ) throws(SocketError) {
        guard loops >= 1 else {
            throw SocketError(
                .startLoops,
                code: .invalidArgument,
                reason: "a group needs at least one loop"
            )
        }
        started = .success(try Self.start(loops: loops, backend: backend, pinned: pinned))
    }

    /// Starts the shared group, as the environment says.
    private init() {
        started = Result { () throws(SocketError) in
            try Self.start(loops: Self.preferredLoopCount(), backend: nil, pinned: false)
        }
    }

    private static func start(
        loops: Int,
        backend: Backend?,
        pinned: Bool
    ) throws(SocketError) -> LoopGroup {
        var options = LoopOptions()
        options.pinsThreads = pinned
        options.usesPipeWakeup = environmentVariable("ASYNCSOCKETS_WAKEUP") == "pipe"
        let candidates = if let backend { [backend] } else { try Backend.preferred() }
        var first: SocketError?
        for candidate in candidates {
            options.backend = candidate.kind
            do throws(Errno) {
                let group = try LoopGroup(loops: loops, options: options)
                try Self.requireRoom(besides: group)
                return group
            } catch {
                let failure = Self.error(error, candidate)
                if !error.isRefusal { throw failure }
                first = first ?? failure
            }
        }
        throw first ?? SocketError(.startLoops, code: .notSupported)
    }

    /// Throws if there is no room for the threads of the runtime: without them nothing would run.
    private static func requireRoom(besides group: LoopGroup) throws(Errno) {
        if hasRoom.load(ordering: .relaxed) { return }
        do throws(Errno) {
            try RuntimeThreads.check()
        } catch {
            group.retire()
            throw error
        }
        hasRoom.store(true, ordering: .relaxed)
    }

    private static func error(_ errno: Errno, _ backend: Backend) -> SocketError {
        if errno == .again { return SocketError(noThreadFor: .startLoops, .again) }
        // The loop's own descriptors may be the ones that select(2) cannot watch.
        let isSelects =
            backend == .select && errno == .processDescriptorLimit
            && (try? openEventCounter()) != nil
        return SocketError(.startLoops, errno, reason: isSelects ? SocketError.selectLimit : nil)
    }

    deinit {
        if case .success(let loops) = started { loops.retire() }
    }

    /// Closes every socket of the group and ends its threads; returns when they have ended.
    ///
    /// Operations on the group's sockets throw `SocketError` with the code `.closed`. Tasks that
    /// ran on the group go on, on the global executor.
    public func shutdown() async {
        if case .success(let loops) = started { await loops.shutdown() }
    }

    /// The executor that runs tasks on the group's loops, for `Task(executorPreference:)` and
    /// `withTaskExecutorPreference(_:operation:)`; nil if the group could not be started.
    public var taskExecutor: (any TaskExecutor)? { try? started.get() }

    /// How the loops wait; nil if the group could not be started.
    public var backend: Backend? {
        (try? started.get()).flatMap { Backend(named: $0.backend.rawValue) }
    }

    /// The number of loops that run.
    public var loopCount: Int { (try? started.get())?.loops.count ?? 0 }

    /// The loops, for an operation that makes a socket.
    package func loops(for operation: SocketError.Operation) throws(SocketError) -> LoopGroup {
        switch started {
        case .success(let loops): return loops
        case .failure(let error): throw error.during(operation)
        }
    }

    private static func preferredLoopCount() throws(SocketError) -> Int {
        guard let text = environmentVariable("ASYNCSOCKETS_LOOPS"), !text.isEmpty else {
            return availableProcessors
        }
        guard let count = Int(text), (1...mostLoops).contains(count) else {
            throw SocketError(
                .startLoops,
                code: .invalidArgument,
                reason: "ASYNCSOCKETS_LOOPS=\(text) is not a number of loops from 1 to \(mostLoops)"
            )
        }
        return count
    }

    /// The limit of the number of loops. A larger number is surely a mistake.
    private static let mostLoops = 8192
}

/// Runs a body, and every child task in it, on the event loops.
///
/// A task that waits for a socket is then resumed on the thread that learned of its readiness:
/// there is no change of thread between the kernel's answer and the waiting code. Without it the
/// same code is correct, only slower.
///
/// ```swift
/// try await withEventLoops {
///     for try await chunk in connection { try await connection.write(chunk) }
/// }
/// ```
///
/// The body must not block its thread for long: all tasks of that loop would wait.
///
/// A body that is isolated to an actor stays on the actor, and only its child tasks run on the
/// loops. That includes top-level code of `main.swift`, which is isolated to the main actor.
///
/// - Parameters:
///   - group: The group whose loops are used.
///   - isolation: The actor that the body is isolated to.
///   - body: The body.
/// - Returns: The body's result.
/// - Throws: The body's error.
public func withEventLoops<Success, Failure: Error>(
    on group: EventLoopGroup = .shared,
    isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws(Failure) -> Success
) async throws(Failure) -> Success {
    try await withTaskExecutorPreference(
        group.taskExecutor,
        isolation: isolation,
        operation: body
    )
}
