internal import SocketReactor
internal import SocketSystem

/// A running child: told signals, waited for through the event loop, reaped by whoever waits.
final class ChildProcess: Sendable {
    /// The process's number.
    let number: CInt
    /// Readable when the process has ended.
    private let end: Registration
    /// Readable when the process has something to say.
    private let notifications: Registration

    private init(number: CInt, end: Registration, notifications: Registration) {
        self.number = number
        self.end = end
        self.notifications = notifications
    }

    deinit {
        end.close()
        notifications.close()
    }

    /// Who starts the children. The kernel signals a child when the *thread* that started it
    /// ends (PR_SET_PDEATHSIG in prctl(2)), so that thread must be one that stays.
    private static let starters = Result { () throws(SocketError) in try EventLoopGroup(loops: 1) }

    /// Starts a program with sockets to inherit, and a socket to notify.
    ///
    /// - Parameters:
    ///   - program: What to start; its descriptors and some of its environment are set here.
    ///   - sockets: What it inherits.
    ///   - notifyVariable: Which environment variable tells it whom to notify.
    ///   - group: The loops that wait for it.
    /// - Returns: The process, running.
    /// - Throws: `SocketError` where it could not be started.
    static func start(
        _ program: ProgramStart,
        sockets: [SharedSocket],
        notifyVariable: String,
        on group: EventLoopGroup
    ) async throws(SocketError) -> ChildProcess {
        let starter = try starters.get()
        // Not a child task: a process that was half started by a cancelled task would be lost.
        let task = Task(executorPreference: starter.taskExecutor) {
            Result { () throws(SocketError) in
                try startNow(program, sockets, notifyVariable, on: group)
            }
        }
        return try await task.value.get()
    }

    private static func startNow(
        _ program: ProgramStart,
        _ sockets: [SharedSocket],
        _ notifyVariable: String,
        on group: EventLoopGroup
    ) throws(SocketError) -> ChildProcess {
        var program = program
        let number: CInt
        let notify: (descriptor: CInt, name: String)
        do throws(Errno) { notify = try openNotifySocket() } catch {
            throw SocketError(.startProcess, error)
        }
        let notifications = try group.register(
            Descriptor(owning: notify.descriptor),
            for: .startProcess
        )
        program.environment[notifyVariable] = notify.name
        program.environment["LISTEN_FDS"] = "\(sockets.count)"
        program.environment["LISTEN_FDNAMES"] = sockets.map(\.name).joined(separator: ":")
        program.environment["LISTEN_PID"] = nil
        program.numberVariable = "LISTEN_PID"
        defer { for descriptor in program.descriptors { closeDescriptor(descriptor) } }
        do throws(Errno) {
            for socket in sockets { program.descriptors.append(try socket.duplicate()) }
            number = try SocketSystem.start(program)
        } catch {
            notifications.close()
            throw SocketError(.startProcess, error, reason: "\(program.path): \(error)")
        }
        do throws(SocketError) {
            let pidfd: CInt
            do throws(Errno) { pidfd = try openProcess(number).release() } catch {
                throw SocketError(.startProcess, error)
            }
            let end = try group.register(Descriptor(owning: pidfd), for: .startProcess)
            return ChildProcess(number: number, end: end, notifications: notifications)
        } catch {
            // Nobody would know of its end.
            killChild(number)
            notifications.close()
            throw error
        }
    }

    /// Waits until the process has ended, and reaps it. To be called once.
    func ended() async -> ProcessEnd {
        while true {
            do {
                try await untilReadable(end)
                if let reaped = try end.use({ (pidfd) throws(Errno) in try reapProcess(pidfd) }) {
                    guard let how = reaped else { continue }
                    return how
                }
                return .unknown
            } catch {
                return .unknown
            }
        }
    }

    /// Waits until the process says that it is ready; false if it will not say so any more.
    func becameReady() async -> Bool {
        while (try? await untilReadable(notifications)) != nil {
            let received = notifications.use { socket in try? receiveNotification(socket) }
            guard case .some(.some(let message)) = received else { continue }
            if message.process == number, message.lines.contains("READY=1") { return true }
        }
        return false
    }

    /// Sends a signal; a process that has ended already is no error.
    func send(_ signal: SignalNumber) {
        end.use { pidfd in try? sendSignal(signal, toProcessOf: pidfd) }
    }

    /// Ends the waiting for readiness.
    func stopListening() { notifications.close() }
}
