public import AsyncSockets
internal import SocketSystem

/// Messages from a program to the service manager that started it: systemd, or a supervisor of this
/// library.
///
/// ```swift
/// try ServiceManager.notify(.ready, .status("serving at \(listener.localAddress)"))
/// ```
public enum ServiceManager {
    /// A message, one line of `sd_notify(3)`.
    public struct Message: Hashable, Sendable {
        let line: String

        /// Whether losing the message does no harm, because another one follows.
        let isFleeting: Bool

        private init(_ line: String, isFleeting: Bool = false) {
            self.line = line
            self.isFleeting = isFleeting
        }

        /// The program has started, or has read its configuration again, and serves.
        public static var ready: Message { Message("READY=1") }
        /// The program is leaving, and the service with it. Not for a program that has handed over
        /// its sockets to a new version of itself (`HotRestart`).
        public static var stopping: Message { Message("STOPPING=1") }
        /// The program reads its configuration again; `ready` follows.
        public static var reloading: Message {
            let microseconds = MonotonicTime.now.nanoseconds / 1000
            return Message("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
        }
        /// The program is alive. Send it more often than every `watchdogInterval`.
        public static var watchdog: Message { Message("WATCHDOG=1", isFleeting: true) }
        /// The program's state, in a few words; line feeds become spaces.
        public static func status(_ text: String) -> Message {
            let line = "STATUS=" + String(text.map { $0.isNewline ? " " : $0 }).printable()
            return Message(line, isFleeting: true)
        }
        /// The service's main process is another one from now on.
        public static func mainProcess(_ process: CInt) -> Message { Message("MAINPID=\(process)") }
    }

    /// The variable that names a second socket for readiness, of a supervisor of this library.
    static let readySocketVariable = "ASYNCSOCKETS_READY_SOCKET"

    /// Sends messages to the service manager, all in one datagram.
    ///
    /// The environment variable `NOTIFY_SOCKET` names its address. If the service manager has not
    /// taken earlier messages, this blocks its thread for up to a second; but not for `watchdog`
    /// and `status`, because others follow. The corresponding function is `sd_notify(3)`.
    ///
    /// - Parameter messages: The messages.
    /// - Returns: Whether there is a service manager that receives messages.
    /// - Throws: `SocketError` if there should be one but it cannot be reached, or takes no more
    ///   messages (EAGAIN).
    @discardableResult
    public static func notify(_ messages: Message...) throws(SocketError) -> Bool {
        // Before the earlier version receives it, and leaves.
        if messages.contains(.ready) { beginService() }
        let text = messages.map(\.line).joined(separator: "\n")
        let patience: Duration = messages.allSatisfy(\.isFleeting) ? .zero : .seconds(1)
        var isHeard = false
        do throws(Errno) {
            if let name = environmentVariable(readySocketVariable), messages.contains(.ready) {
                isHeard = true
                // The process that started this one may be gone, and that is fine.
                try? sendNotification(text, to: name, waiting: patience)
            }
            if let name = environmentVariable("NOTIFY_SOCKET"), !name.isEmpty {
                isHeard = true
                try sendNotification(text, to: name, waiting: patience)
            }
        } catch {
            throw SocketError(.notify, error)
        }
        return isHeard
    }

    /// Records that this process has started successfully.
    private static func beginService() {
        let inherited = InheritedDescriptors.shared
        inherited.handover.complete()
        guard let supervisor = inherited.supervisor else { return }
        // The supervisor asked for this, but the kernel forgets it if the process has changed its
        // user since. It is done on a loop, because it holds only as long as the thread lives.
        Task.detached(executorPreference: EventLoopGroup.shared.taskExecutor) {
            try? receive(.terminate, atEndOfParent: supervisor)
        }
    }

    /// The time within which the service manager expects `watchdog` each time; nil if it does not
    /// expect it. Half of it is a good interval.
    ///
    /// The corresponding function is `sd_watchdog_enabled(3)`.
    public static var watchdogInterval: Duration? {
        if let process = environmentVariable("WATCHDOG_PID"), CInt(process) != currentProcess {
            return nil
        }
        guard let text = environmentVariable("WATCHDOG_USEC"), let time = Int64(text), time > 0
        else { return nil }
        return .microseconds(time)
    }
}
