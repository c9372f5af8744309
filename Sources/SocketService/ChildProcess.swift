internal import AsyncSockets
internal import SocketSystem

/// A running child process. Its messages are received, signals can be sent to it, its end is
/// awaited by its pidfd, and it is always reaped.
final class ChildProcess: Sendable {
    /// Something that a child makes known.
    enum Event: Hashable, Sendable {
        /// It reported that it is ready, for the first time.
        case ready
        /// Another process said for it that it is ready, for the first time. That does not count:
        /// the process that is started is the one that is asked to leave.
        case unheard(from: CInt)
        /// It has ended, and is no zombie any more. The last event.
        case ended(ProcessEnd)
    }

    /// The relation of a child to this process.
    enum Role: Sendable {
        /// Serves beside this one, which supervises it.
        case worker
        /// Serves in place of this one, and gets what goes with the sockets.
        case successor

        /// The environment variable that names the socket to notify.
        var notifyVariable: String {
            switch self {
            case .worker: "NOTIFY_SOCKET"
            case .successor: ServiceManager.readySocketVariable
            }
        }
    }

    private let child: Child

    private init(_ child: Child) { self.child = child }

    /// The process's number.
    var number: CInt { child.number }

    /// Starts a program with sockets to inherit, and a socket to notify.
    ///
    /// - Parameters:
    ///   - program: The program to start; its descriptors and some of its environment are set here.
    ///   - sockets: The sockets that it inherits.
    ///   - role: Its relation to this process.
    ///   - report: Called with each event, also after the last reference to this object is gone.
    /// - Returns: The process, running.
    /// - Throws: `SocketError` if it could not be started.
    static func start(
        _ program: ProgramStart,
        sockets: [SharedSocket],
        as role: Role,
        report: @escaping @Sendable (Event) -> Void
    ) async throws(SocketError) -> ChildProcess {
        let group = try ChildLoop.shared.group(for: .startProcess)
        // Not a child task: a cancelled task would lose a half-started process. And detached, like
        // all that it starts: it outlives the caller's deadline.
        let task = Task.detached(executorPreference: group.taskExecutor) {
            Result { () throws(SocketError) in
                try startNow(program, sockets, role, on: group, report)
            }
        }
        return try await task.value.get()
    }

    private static func startNow(
        _ program: ProgramStart,
        _ sockets: [SharedSocket],
        _ role: Role,
        on group: EventLoopGroup,
        _ report: @escaping @Sendable (Event) -> Void
    ) throws(SocketError) -> ChildProcess {
        var program = program
        let notify: (descriptor: CInt, name: String)
        do throws(Errno) { notify = try openNotifySocket() } catch {
            throw SocketError(.startProcess, error, reason: "the socket for its messages")
        }
        let messages = try WatchedDescriptor(owning: notify.descriptor, on: group)
        program.environment[role.notifyVariable] = notify.name
        defer { for descriptor in program.descriptors { closeDescriptor(descriptor) } }
        let child: Child
        do throws(SocketError) {
            try pass(sockets, to: &program, role)
            child = try Child(watching: start(program), on: group)
        } catch {
            messages.close()
            throw error
        }
        let listening = Task.detached(executorPreference: group.taskExecutor) {
            await waitUntilReady(messages, of: child.number, report)
        }
        Task.detached(executorPreference: group.taskExecutor) {
            let end = await child.ended()
            messages.close()
            await listening.value
            report(.ended(end))
        }
        return ChildProcess(child)
    }

    /// Duplicates the sockets, and tells the program of them by the `LISTEN_FDS` protocol.
    private static func pass(
        _ sockets: [SharedSocket],
        to program: inout ProgramStart,
        _ role: Role
    ) throws(SocketError) {
        var names: [String] = []
        var files: [String] = []
        for socket in sockets {
            let numbers = try socket.duplicates()
            program.descriptors += numbers
            names += Array(repeating: socket.name, count: numbers.count)
            files += Array(repeating: socket.file?.claim ?? "", count: numbers.count)
        }
        program.environment["LISTEN_FDS"] = "\(names.count)"
        program.environment["LISTEN_FDNAMES"] = names.joined(separator: ":")
        program.environment[InheritedDescriptors.filesVariable] =
            role == .successor ? files.joined(separator: ":") : nil
        program.environment[InheritedDescriptors.supervisorVariable] =
            role == .worker ? "\(currentProcess)" : nil
        program.numberVariables.append("LISTEN_PID")
    }

    private static func start(_ program: ProgramStart) throws(SocketError) -> CInt {
        do throws(StartFailure) {
            return try SocketSystem.start(program)
        } catch {
            var reason = "\(error.call)(2)"
            if error.isOfProgram { reason += " of \(program.path)" }
            if !error.isOfProgram, error.errno == .again { reason += ": " + SocketError.noThread }
            throw SocketError(.startProcess, error.errno, reason: reason)
        }
    }

    /// Sends a signal. If the process has ended already, that is not an error.
    func send(_ signal: SignalNumber) throws(Errno) { try child.send(signal) }
}

// MARK: - What children make known

extension ChildProcess {
    /// Receives a process's messages until it has ended. It goes on after the process is ready,
    /// because a queue without a reader fills up one day.
    private static func waitUntilReady(
        _ messages: WatchedDescriptor,
        of number: CInt,
        _ report: (Event) -> Void
    ) async {
        var isReady = false
        var hasStranger = false
        while (try? await messages.readable()) != nil {
            let message = try? messages.use { try receiveNotification($0) }
            if let message, message.lines.contains("READY=1") {
                if message.process == number, !isReady {
                    isReady = true
                    report(.ready)
                } else if message.process != number, !hasStranger {
                    hasStranger = true
                    report(.unheard(from: message.process))
                }
            }
            // A process that sends without end must not occupy the loop.
            await Task.yield()
        }
    }
}
