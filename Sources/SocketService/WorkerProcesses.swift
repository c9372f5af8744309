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
/// The workers inherit the sockets by the `LISTEN_FDS` protocol, so the same program can serve
/// alone under systemd. With a socket unit the supervisor itself inherits the socket, and
/// `SharedSocket.listen` takes it over for the workers. A worker that ends is replaced. The
/// listening sockets stay open here, so no client is refused meanwhile.
///
/// A worker gets SIGTERM when this process ends in any way. If a worker changes its user or group
/// after it was started, the kernel forgets that, until the worker reports that it is ready
/// (`ServiceManager.notify(.ready)`). So it should report after the change. It holds as long as
/// `EventLoopGroup.shared` is not shut down.
public final class WorkerProcesses: Sendable {
    /// The sockets that the workers inherit.
    let sockets: [SharedSocket]
    /// The options of the workers.
    let options: WorkerOptions
    /// The program to run, by the path by which this process was started: the file, or a link on
    /// the way, may be replaced.
    let program: ProgramStart
    /// The mailbox of `run`, while it runs.
    private let mailbox = Mutex<Mailbox?>(nil)

    private struct Mailbox {
        let inputs: AsyncStream<Supervision.Input>.Continuation
        /// Whether the reason to end is a deadline that has passed, and not an earlier request; nil
        /// while nothing is to end.
        var isLate: Bool?
    }

    /// Whether this process is a worker: one that `WorkerProcesses` started with this program.
    ///
    /// A program that is both supervisor and worker uses it to choose. Inherited sockets do not
    /// answer this, because a supervisor may inherit its sockets, too. A process that a worker
    /// starts is not a worker.
    ///
    /// The first use of this, or of anything inherited, removes the variables from the environment.
    /// So it belongs to the beginning of a program, before other threads read the environment.
    public static var isWorker: Bool { InheritedDescriptors.shared.supervisor != nil }

    /// Prepares workers; `run()` starts them.
    ///
    /// - Parameters:
    ///   - sockets: The sockets that the workers inherit.
    ///   - options: The options of the workers.
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
        program.hasOwnGroup = true
        program.signalAtParentsEnd = .terminate
        self.program = program
    }

    /// Runs the workers until the task is cancelled, or SIGTERM or SIGINT comes. Then all workers
    /// get SIGTERM, and a worker that has not ended after `options.drain` is killed. A second
    /// SIGTERM or SIGINT sends the workers another SIGTERM, and a third one kills them. SIGHUP
    /// replaces the workers one by one: each is asked to finish when its successor is ready. If a
    /// successor fails, the workers that were not replaced yet serve on.
    ///
    /// The workers are process groups of their own. So what a terminal or a shell sends to the
    /// group of this process (Control-C, the hang-up) reaches this process alone.
    ///
    /// The shared sockets are closed when the workers begin to leave. So new clients are refused as
    /// soon as the last worker has closed its own; the same object cannot run again. A listener
    /// whose socket was shared (`SharedSocket(of:named:)`) stays open: as long as it does, clients
    /// wait in its queue.
    ///
    /// The service manager is told when all workers are ready, when they are being replaced, and
    /// when they leave; its watchdog is fed.
    ///
    /// - Throws: `SocketError` with the operation `.supervise`: `.processFailed` if all workers
    ///   failed to start too often (see `WorkerOptions.failedStarts`), `.busy` if the workers
    ///   already run, `.timedOut` if the time of a surrounding `withTimeout` has run out (the
    ///   workers finish first, as when the task is cancelled), and the system's error if the loop
    ///   that waits for processes, or the thread that waits for signals, cannot start. When it
    ///   throws or returns, no worker is left, except one that the system does not let this process
    ///   kill, which the error then names.
    public func run() async throws(SocketError) {
        let group = try ChildLoop.shared.group(for: .supervise)
        let signals = Signal.notifications(of: .terminate, .interrupt, .hangup)
        if let failure = signals.failure { throw failure.during(.supervise) }
        let (inputs, continuation) = AsyncStream.makeStream(of: Supervision.Input.self)
        let isFirst = mailbox.withLock { mailbox in
            if mailbox != nil { return false }
            mailbox = Mailbox(inputs: continuation)
            return true
        }
        guard isFirst else { throw SocketError(.supervise, code: .busy) }
        defer { mailbox.withLock { $0 = nil } }
        let helpers = commands(signals, until: Deadline.current?.moment, on: group)
        defer { for helper in helpers { helper.cancel() } }
        // Not a child task, and detached from a deadline: after a cancellation or a deadline there
        // are still workers to wait for.
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

    /// Carries out the commands of signals and of a deadline, until these tasks are cancelled.
    private func commands(
        _ notifications: SignalNotifications,
        until deadline: MonotonicTime?,
        on group: EventLoopGroup
    ) -> [Task<Void, Never>] {
        let signals = Task.detached(executorPreference: group.taskExecutor) { [self] in
            var requests = RepeatedRequest()
            for await signal in notifications {
                if signal == .hangup {
                    replaceAll()
                } else {
                    let isFirst = requests.isFirst
                    guard requests.isAnother() else { continue }
                    if isFirst { stop() } else { yield(.hurry) }
                }
            }
        }
        guard let deadline else { return [signals] }
        let timer = Task.detached(executorPreference: group.taskExecutor) { [self] in
            if await ChildLoop.sleep(until: deadline) { stop(isLate: true) }
        }
        return [signals, timer]
    }

    /// Lets all workers finish; the first call gives the reason.
    private func stop(isLate: Bool = false) {
        let inputs = mailbox.withLock { mailbox in
            if mailbox?.isLate == nil { mailbox?.isLate = isLate }
            return mailbox?.inputs
        }
        inputs?.yield(.stop)
    }

    /// Replaces the workers one by one, as SIGHUP does; returns at once.
    public func replaceAll() { yield(.replaceAll) }

    private func yield(_ input: Supervision.Input) {
        let inputs = mailbox.withLock { $0?.inputs }
        inputs?.yield(input)
    }
}
