internal import AsyncSockets
internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// Hands the listening sockets over to a new version of the program, without a client noticing.
///
/// ```swift
/// let restart = HotRestart()
/// for await _ in Signal.notifications(of: .user2) {
///     do {
///         try await restart.start(passing: [SharedSocket(of: listener, named: "http")])
///         break  // the new version serves: finish with the clients that are here, and leave
///     } catch {
///         print(error)  // the new version does not work: serve on
///     }
/// }
/// ```
///
/// A program that should also leave on a signal waits for its signals meanwhile. It runs `start` in
/// a task and cancels that task on a signal; the example `HotRestart` does so.
///
/// Both versions have the same sockets, so a client that connects meanwhile waits in the queue of
/// one socket until either version accepts it. No client is refused, and none is lost when the old
/// version closes its sockets.
///
/// The old version ends then, so whoever started it must take the new version for the service.
/// systemd does, with `NotifyAccess=all`. Process 1 of a container cannot be replaced so, nor a
/// worker of `WorkerProcesses`: replace workers (SIGHUP) there.
///
/// After a success the service belongs to the new version. The old one must not tell the service
/// manager that it is stopping: with `NotifyAccess=all` that would be taken for the whole service.
public final class HotRestart: Sendable {
    /// How the new version is started.
    public struct Options: Sendable {
        /// The path of the new version; nil for the path by which this process was started, and
        /// what is there when the restart begins.
        public var executable: String?

        /// Its arguments, without its name; nil for those of this process.
        public var arguments: [String]?

        /// Environment variables that it has in addition to this process's own, or with other
        /// values.
        public var environment: [String: String]

        /// The time within which it must be ready; otherwise it is killed.
        public var readyWithin: Duration

        /// Creates options; parameters that are left out keep their defaults.
        ///
        /// - Parameters:
        ///   - executable: The path of the new version; nil for that of this process.
        ///   - arguments: Its arguments, without its name; nil for those of this process.
        ///   - environment: Further environment variables.
        ///   - readyWithin: The time within which it must be ready; otherwise it is killed.
        public init(
            executable: String? = nil,
            arguments: [String]? = nil,
            environment: [String: String] = [:],
            readyWithin: Duration = .seconds(10)
        ) {
            self.executable = executable
            self.arguments = arguments
            self.environment = environment
            self.readyWithin = readyWithin
        }
    }

    private let options: Options
    private let path: String
    /// The right to restart, which only one restart at a time has.
    private let claim: Claim
    /// This process's number.
    private let process: CInt

    /// Prepares restarts. Without `Options.executable` the new version is started by the path by
    /// which this program was started, with its symbolic links as they were named. So a deployment
    /// may change a link or replace the file.
    ///
    /// - Parameter options: How the new version is started.
    public convenience init(options: Options = Options()) {
        self.init(options: options, claim: .ofThisProcess)
    }

    init(options: Options, claim: Claim, process: CInt = currentProcess) {
        self.options = options
        self.claim = claim
        self.process = process
        path = options.executable ?? executablePath ?? CommandLine.arguments.first ?? ""
    }

    /// Starts the new version and waits until it is ready: until it has called
    /// `ServiceManager.notify(.ready)`.
    ///
    /// The new version takes the sockets by `TCPListener.inherited(named:)`. The service manager is
    /// told that the new version is the main process from now on (with `NotifyAccess=all` it
    /// accepts the new version's messages, too).
    ///
    /// Cancelling the task gives up the restart: the new version is killed, and waited for. If it
    /// reported readiness before that, it has taken over, and this returns.
    ///
    /// - Parameter sockets: The sockets that the new version inherits.
    /// - Returns: The new version's process.
    /// - Throws: `SocketError` with the operation `.hotRestart`: `.busy` while another restart of
    ///   this process is in progress or after one has succeeded; `.timedOut` if the new version was
    ///   not ready in time, which includes the time of a surrounding `withTimeout`, and was killed;
    ///   `.processFailed` if it ended before it was ready; `.notSupported` if this process is
    ///   number 1, with which all others of its namespace end, or a worker of `WorkerProcesses`.
    ///   With the operation `.startProcess` if it could not be started. `CancellationError` if the
    ///   task was cancelled. This process then has everything as before, and may try again.
    @discardableResult
    public func start(passing sockets: [SharedSocket]) async throws -> CInt {
        try Task.checkCancellation()
        try checkPlace()
        guard claim.take() else {
            throw SocketError(.hotRestart, code: .busy, reason: "one is under way already")
        }
        do {
            return try await run(sockets)
        } catch {
            claim.giveBack()
            throw error
        }
    }

    /// Fails if the end of this process would be taken for the end of the service.
    private func checkPlace() throws(SocketError) {
        let reason: String
        if process == 1 {
            reason =
                "process 1 cannot be replaced: the kernel ends all others of the container "
                + "with it; WorkerProcesses can replace its workers there"
        } else if WorkerProcesses.isWorker {
            reason = "a worker is replaced by its supervisor, with SIGHUP"
        } else {
            return
        }
        throw SocketError(.hotRestart, code: .notSupported, reason: reason)
    }

    private func run(_ sockets: [SharedSocket]) async throws -> CInt {
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let patience = Patience(options.readyWithin, Deadline.current)
        let timer = Task.detached {
            if await ChildLoop.sleep(until: patience.end) { continuation.yield(.giveUp(.late)) }
        }
        defer { timer.cancel() }
        // Not a child task, and detached from a deadline: a started process is always waited for.
        let restart = Task.detached { [self] in
            let process = try await ChildProcess.start(program, sockets: sockets, as: .successor) {
                continuation.yield(.process($0))
            }
            return try await Self.untilReady(process, events, patience)
        }
        let process = try await withTaskCancellationHandler {
            try await restart.value
        } onCancel: {
            continuation.yield(.giveUp(.cancelled))
        }
        // The files are the new version's from now on.
        for socket in sockets { socket.file?.keep() }
        _ = try? ServiceManager.notify(.mainProcess(process))
        return process
    }

    private static func untilReady(
        _ process: ChildProcess,
        _ events: AsyncStream<Event>,
        _ patience: Patience
    ) async throws -> CInt {
        var reason: Reason?
        var stranger: CInt?
        for await event in events {
            switch event {
            // A process that is being killed has not taken over.
            case .process(.ready) where reason == nil: return process.number
            case .process(.ready): break
            case .process(.unheard(let other)): stranger = other
            case .process(.ended(let how)):
                switch reason {
                case nil: throw ended(how)
                case .late?: throw patience.error(stranger)
                case .cancelled?: throw CancellationError()
                }
            case .giveUp(let why):
                if reason == nil { reason = why }
                do throws(Errno) { try process.send(.kill) } catch {
                    throw SocketError(
                        .hotRestart,
                        error,
                        reason: "process \(process.number) was given up and cannot be killed"
                    )
                }
            }
        }
        throw CancellationError()
    }

    private var program: ProgramStart {
        let arguments = CommandLine.arguments
        var program = ProgramStart(
            path: path,
            arguments: [arguments.first ?? path]
                + (options.arguments ?? Array(arguments.dropFirst())),
            environment: environmentVariables.merging(options.environment) { $1 }
        )
        // The main process feeds the watchdog, and the new version will be it.
        if program.environment["WATCHDOG_PID"] == "\(currentProcess)" {
            program.numberVariables.append("WATCHDOG_PID")
        }
        return program
    }

    private static func ended(_ how: ProcessEnd) -> SocketError {
        SocketError(
            .hotRestart,
            code: .processFailed,
            reason: "the new version ended before it was ready: \(how.text)"
        )
    }
}

extension HotRestart {
    /// A process has one successor: the restart that starts it holds the claim, and keeps it after
    /// a success.
    final class Claim: Sendable {
        static let ofThisProcess = Claim()

        private let isTaken = Atomic(false)

        /// Takes the claim; false if another restart has it.
        func take() -> Bool { !isTaken.exchange(true, ordering: .acquiringAndReleasing) }

        func giveBack() { isTaken.store(false, ordering: .releasing) }
    }

    private enum Event: Sendable {
        case process(ChildProcess.Event)
        case giveUp(Reason)
    }

    /// The reason for killing a new version that has not reported readiness.
    private enum Reason {
        case late
        case cancelled
    }

    /// The time that a new version may take.
    private struct Patience: Sendable {
        let end: MonotonicTime
        private let reason: String

        init(_ readyWithin: Duration, _ deadline: Deadline?) {
            let own = MonotonicTime.now.advanced(by: readyWithin)
            if let deadline, deadline.moment < own {
                end = deadline.moment
                reason = SocketError.deadlinePassed
            } else {
                end = own
                reason = "the new version was not ready within \(readyWithin)"
            }
        }

        /// The error of a new version that was late, and of another process that said in its place
        /// that it was ready.
        func error(_ stranger: CInt?) -> SocketError {
            let hint = stranger.map { "; " + Supervision.unheard($0) } ?? ""
            return SocketError(.hotRestart, code: .timedOut, reason: reason + hint)
        }
    }
}
