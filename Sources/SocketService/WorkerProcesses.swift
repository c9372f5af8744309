public import AsyncSockets
internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// A supervised set of worker processes that share listening sockets.
///
/// ```swift
/// if WorkerProcesses.isWorker {
///     guard let listener = try TCPListener.inherited(named: "echo") else { return }
///     try ServiceManager.notify(.ready)
///     try await serve(listener) { … }
/// } else {
///     let socket = try SharedSocket.listen(at: "127.0.0.1:9999", named: "echo")
///     try await WorkerProcesses(sharing: [socket]).run()
/// }
/// ```
///
/// The workers inherit the sockets by the `LISTEN_FDS` protocol, so a program can serve alone under
/// systemd as it does as a worker; with a socket unit the supervisor itself inherits the socket,
/// which `SharedSocket.listen` takes over for its workers. A worker that ends is replaced; the
/// listening sockets stay open here, so no client is refused meanwhile.
///
/// A worker gets SIGTERM when this process ends, however it does. If a worker changes its user or
/// group after it was started, the kernel forgets that until the worker says that it is ready
/// (`ServiceManager.notify(.ready)`), which it should therefore say afterwards; it holds as long as
/// `EventLoopGroup.shared` is not shut down.
public final class WorkerProcesses: Sendable {
    /// What the workers inherit.
    let sockets: [SharedSocket]
    /// How they are run.
    let options: WorkerOptions
    /// What to run; its file is named once, at the beginning, for the file may be replaced.
    let program: ProgramStart
    /// What reaches `run`, while it runs.
    private let mailbox = Mutex<Mailbox?>(nil)

    private struct Mailbox {
        let inputs: AsyncStream<Supervision.Input>.Continuation
        /// Whether all shall end because a deadline has passed, and not because somebody asked for
        /// it before; nil while nothing shall end.
        var isLate: Bool?
    }

    /// Whether this process is a worker: one that `WorkerProcesses` has started with this program.
    ///
    /// It says what a program is to do that is both supervisor and worker. What it has inherited
    /// does not say that, since a supervisor may be given its sockets, too. A process that a worker
    /// starts is none.
    ///
    /// The first use of this, or of anything inherited, removes the variables that tell it from the
    /// environment, so it belongs to the beginning of a program, before other threads look at the
    /// environment.
    public static var isWorker: Bool { InheritedDescriptors.shared.supervisor != nil }

    /// Prepares workers; `run()` starts them.
    ///
    /// - Parameters:
    ///   - sockets: What the workers inherit.
    ///   - options: How they are run.
    public init(sharing sockets: [SharedSocket], options: WorkerOptions = WorkerOptions()) {
        self.sockets = sockets
        self.options = options
        let own = CommandLine.arguments
        let path = options.executable ?? executablePath ?? own.first ?? ""
        let name = options.executable ?? own.first ?? path
        var environment = environmentVariables
        // What our own service manager told us is not for our children.
        for name in ["WATCHDOG_PID", "WATCHDOG_USEC", ServiceManager.readySocketVariable] {
            environment[name] = nil
        }
        environment.merge(options.environment) { $1 }
        var program = ProgramStart(
            path: path,
            arguments: [name] + (options.arguments ?? Array(own.dropFirst())),
            environment: environment
        )
        program.signalAtParentsEnd = .terminate
        self.program = program
    }

    /// Runs the workers until the task is cancelled, or SIGTERM or SIGINT comes: then all workers
    /// get SIGTERM, and a worker that has not ended after `options.drain` is killed. SIGHUP replaces
    /// the workers one by one: each is asked to finish when its successor is ready. If a successor
    /// fails, the workers that have not been replaced serve on.
    ///
    /// The shared sockets are closed when the workers begin to leave, so new clients are refused as
    /// soon as the last worker has closed its own; the same object cannot run again. A listener that
    /// a socket was shared of (`SharedSocket(of:named:)`) stays open: as long as it does, clients
    /// wait for a process that accepts them.
    ///
    /// The service manager is told when all workers are ready, when they are being replaced, and
    /// when they leave; its watchdog is fed.
    ///
    /// - Throws: `SocketError` with the operation `.supervise`: `.processFailed` if all workers
    ///   failed to start too often (see `WorkerOptions.failedStarts`), `.busy` if the workers
    ///   already run, `.timedOut` if it is in a `withTimeout` whose time has run out: then the
    ///   workers finish before, as when the task is cancelled; what the system refuses to the one
    ///   loop that waits for processes. When it throws or returns, no worker is left.
    public func run() async throws(SocketError) {
        let group = try ChildLoop.shared.group(for: .supervise)
        let (inputs, continuation) = AsyncStream.makeStream(of: Supervision.Input.self)
        let isFirst = mailbox.withLock { mailbox in
            if mailbox != nil { return false }
            mailbox = Mailbox(inputs: continuation)
            return true
        }
        guard isFirst else { throw SocketError(.supervise, code: .busy) }
        defer { mailbox.withLock { $0 = nil } }
        let helpers = commands(until: Deadline.current?.moment, on: group)
        defer { for helper in helpers { helper.cancel() } }
        // Not a child task: after a cancellation there are workers to be waited for; and detached
        // from a deadline, after which there are, too.
        let supervision = Task.detached(executorPreference: group.taskExecutor) { [self] in
            var supervisor = Supervisor(self, continuation)
            return await supervisor.run(inputs)
        }
        let failure = await withTaskCancellationHandler {
            await supervision.value
        } onCancel: {
            stop()
        }
        if let failure { throw failure }
        if mailbox.withLock({ $0?.isLate }) == true {
            throw SocketError(.supervise, code: .timedOut, reason: SocketError.deadlinePassed)
        }
    }

    /// Lets signals, and a deadline, command the workers until these tasks are cancelled.
    private func commands(
        until deadline: MonotonicTime?,
        on group: EventLoopGroup
    ) -> [Task<Void, Never>] {
        let notifications = Signal.notifications(of: .terminate, .interrupt, .hangup)
        let signals = Task.detached(executorPreference: group.taskExecutor) { [self] in
            for await signal in notifications {
                if signal == .hangup { replaceAll() } else { stop() }
            }
        }
        guard let deadline else { return [signals] }
        let timer = Task.detached(executorPreference: group.taskExecutor) { [self] in
            if await ChildLoop.sleep(until: deadline) { stop(isLate: true) }
        }
        return [signals, timer]
    }

    /// Lets all workers finish; the first call says why.
    private func stop(isLate: Bool = false) {
        let inputs = mailbox.withLock { mailbox in
            if mailbox?.isLate == nil { mailbox?.isLate = isLate }
            return mailbox?.inputs
        }
        inputs?.yield(.stop)
    }

    /// Replaces the workers one by one, as SIGHUP does; returns at once.
    public func replaceAll() {
        let inputs = mailbox.withLock { $0?.inputs }
        inputs?.yield(.replaceAll)
    }
}
