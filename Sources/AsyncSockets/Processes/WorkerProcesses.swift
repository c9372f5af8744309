internal import SocketSystem
internal import Synchronization

/// A supervised set of worker processes that share listening sockets.
///
/// ```swift
/// if let listener = try TCPListener.inherited(named: "echo") {
///     try ServiceManager.notify(.ready)
///     try await serve(listener) { … }    // a worker
/// } else {
///     let socket = try SharedSocket.listen(at: "127.0.0.1:9999", named: "echo")
///     try await WorkerProcesses(sharing: [socket]).run()
/// }
/// ```
///
/// The workers inherit the sockets by the `LISTEN_FDS` protocol, so the same worker runs under
/// systemd unchanged. A worker that ends is replaced; the listening sockets stay open here, so no
/// client is refused meanwhile.
///
/// A worker gets SIGTERM when this process ends, however it does.
public final class WorkerProcesses: Sendable {
    /// What the workers inherit.
    let sockets: [SharedSocket]
    /// How they are run.
    let options: WorkerOptions
    /// What to run; its file is named once, at the beginning, for the file may be replaced.
    let program: ProgramStart
    /// Whom commands reach, while `run` runs.
    private let mailbox = Mutex<AsyncStream<Supervision.Input>.Continuation?>(nil)

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
    /// get SIGTERM, and who has not ended after `options.drain` is killed. SIGHUP replaces the
    /// workers one by one: each is asked to finish when its successor is ready. Where a successor
    /// fails, the workers that have not been replaced serve on.
    ///
    /// The shared sockets are closed when the workers begin to leave, so new clients are refused as
    /// soon as the last worker has closed its own; the same object cannot run again.
    ///
    /// The service manager is told when all workers are ready, when they are being replaced, and
    /// when they leave; its watchdog is fed.
    ///
    /// - Throws: `SocketError` with the operation `.supervise`: `.processFailed` where all workers
    ///   failed to start too often (see `WorkerOptions.failedStarts`), `.busy` where the workers
    ///   already run. When it throws or returns, no worker is left.
    public func run() async throws(SocketError) {
        let (inputs, continuation) = AsyncStream.makeStream(of: Supervision.Input.self)
        let isFirst = mailbox.withLock { mailbox in
            if mailbox != nil { return false }
            mailbox = continuation
            return true
        }
        guard isFirst else { throw SocketError(.supervise, code: .busy) }
        defer { mailbox.withLock { $0 = nil } }
        let notifications = Signal.notifications(of: .terminate, .interrupt, .hangup)
        let signals = Task {
            for await signal in notifications {
                continuation.yield(signal == .hangup ? .replaceAll : .stop)
            }
        }
        defer { signals.cancel() }
        // Not a child task: after a cancellation there are workers to be waited for.
        let supervision = Task(executorPreference: ChildLoop.executor) { [self] in
            var supervisor = Supervisor(self, continuation)
            return await supervisor.run(inputs)
        }
        let failure = await withTaskCancellationHandler {
            await supervision.value
        } onCancel: {
            continuation.yield(.stop)
        }
        if let failure { throw failure }
    }

    /// Replaces the workers one by one, as SIGHUP does; returns at once.
    public func replaceAll() {
        mailbox.withLock { _ = $0?.yield(.replaceAll) }
    }
}
