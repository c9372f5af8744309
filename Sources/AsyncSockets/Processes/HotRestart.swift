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
/// Both versions have the same sockets, so a client that connects meanwhile waits in the queue of
/// one socket for whoever accepts first; none is refused, and none is lost when the old version
/// closes its own.
///
/// After a success the service is the new version's: the old one must not tell the service manager
/// that it is stopping, which would be taken for the whole service, with `NotifyAccess=all`.
public final class HotRestart: Sendable {
    /// How the new version is started.
    public struct Options: Sendable {
        /// The path of the new version; nil for the file that this process was started from, as it
        /// is when the restart begins.
        public var executable: String?

        /// Its arguments, without its name; nil for those of this process.
        public var arguments: [String]?

        /// Environment variables that it has beside, or other than, this process's own.
        public var environment: [String: String]

        /// Within what time it must be ready, or be killed.
        public var readyWithin: Duration

        /// Everything as usual but what is named.
        ///
        /// - Parameters:
        ///   - executable: The path of the new version; nil for that of this process.
        ///   - arguments: Its arguments, without its name; nil for those of this process.
        ///   - environment: Further environment variables.
        ///   - readyWithin: Within what time it must be ready, or be killed.
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
    /// Whether a new version is being started, or has taken over.
    private let isUnderWay = Mutex(false)

    /// Prepares restarts: the path of this program is looked up now.
    ///
    /// - Parameter options: How the new version is started.
    public init(options: Options = Options()) {
        self.options = options
        path = options.executable ?? executablePath ?? CommandLine.arguments.first ?? ""
    }

    /// Starts the new version and waits until it is ready: until it has called
    /// `ServiceManager.notify(.ready)`.
    ///
    /// The new version takes the sockets by `TCPListener.inherited(named:)`. The service manager is
    /// told that it is the main process from now on (`NotifyAccess=all` lets it speak, too).
    ///
    /// Cancelling the task does not stop a restart that has begun.
    ///
    /// - Parameter sockets: What the new version inherits.
    /// - Returns: The new version's process.
    /// - Throws: `SocketError` with the operation `.hotRestart`: `.busy` while another restart is
    ///   under way or after one has succeeded, `.timedOut` where the new version was not ready in
    ///   time and was killed, `.processFailed` where it ended before; `.startProcess` where it
    ///   could not be started. Then this process has everything as before, and may try again.
    @discardableResult
    public func start(passing sockets: [SharedSocket]) async throws(SocketError) -> CInt {
        let isFirst = isUnderWay.withLock { isUnderWay in
            defer { isUnderWay = true }
            return !isUnderWay
        }
        guard isFirst else {
            throw SocketError(.hotRestart, code: .busy, reason: "one is under way already")
        }
        // Detached: it outlives the deadline of who asks.
        let restart = Task.detached { [self] () -> Result<CInt, SocketError> in
            do throws(SocketError) {
                return .success(try await startNow(sockets))
            } catch {
                return .failure(error)
            }
        }
        switch await restart.value {
        case .success(let process): return process
        case .failure(let error):
            isUnderWay.withLock { $0 = false }
            throw error
        }
    }

    private func startNow(_ sockets: [SharedSocket]) async throws(SocketError) -> CInt {
        let (outcomes, continuation) = AsyncStream.makeStream(of: Outcome.self)
        let process = try await ChildProcess.start(
            program,
            sockets: sockets,
            as: .successor
        ) { continuation.yield(.process($0)) }
        let readyWithin = options.readyWithin
        let timer = Task.detached {
            if await ChildLoop.sleep(for: readyWithin) { continuation.yield(.late) }
        }
        defer { timer.cancel() }
        var isLate = false
        for await outcome in outcomes {
            switch outcome {
            case .process(.ready) where !isLate:
                // The files are the new version's from now on.
                for socket in sockets { socket.file?.keep() }
                _ = try? ServiceManager.notify(.mainProcess(process.number))
                return process.number
            case .process(.ready): break
            case .process(.ended(let how)): throw Self.ended(how, isLate ? readyWithin : nil)
            case .late:
                isLate = true
                process.send(.kill)
            }
        }
        throw SocketError(.hotRestart, code: .cancelled)
    }

    private var program: ProgramStart {
        let arguments = CommandLine.arguments
        var program = ProgramStart(
            path: path,
            arguments: [arguments.first ?? path]
                + (options.arguments ?? Array(arguments.dropFirst())),
            environment: environmentVariables.merging(options.environment) { $1 }
        )
        // Who is to feed the watchdog is the main process, which the new version will be.
        if program.environment["WATCHDOG_PID"] == "\(currentProcess)" {
            program.numberVariables.append("WATCHDOG_PID")
        }
        return program
    }

    private static func ended(_ how: ProcessEnd, _ lateAfter: Duration?) -> SocketError {
        if let lateAfter {
            return SocketError(
                .hotRestart,
                code: .timedOut,
                reason: "the new version was not ready within \(lateAfter)"
            )
        }
        return SocketError(
            .hotRestart,
            code: .processFailed,
            reason: "the new version ended before it was ready: \(how.text)"
        )
    }

    private enum Outcome: Sendable {
        case process(ChildProcess.Event)
        case late
    }
}
