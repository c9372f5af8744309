public import AsyncSockets
internal import SocketSystem

/// What a program tells the service manager that started it: systemd, or a supervisor of this
/// library.
///
/// ```swift
/// try ServiceManager.notify(.ready, .status("serving at \(listener.localAddress)"))
/// ```
public enum ServiceManager {
    /// Something to tell, one line of `sd_notify(3)`.
    public struct Message: Hashable, Sendable {
        let line: String

        /// Whether nothing is lost if it is not heard, because another follows.
        let isFleeting: Bool

        private init(_ line: String, isFleeting: Bool = false) {
            self.line = line
            self.isFleeting = isFleeting
        }

        /// The program has started, or has read its configuration again, and serves.
        public static var ready: Message { Message("READY=1") }
        /// The program is leaving, and the service with it: not for a program that has handed its
        /// sockets over to a new version of itself (`HotRestart`).
        public static var stopping: Message { Message("STOPPING=1") }
        /// The program reads its configuration again; `ready` follows.
        public static var reloading: Message {
            let microseconds = MonotonicTime.now.nanoseconds / 1000
            return Message("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
        }
        /// The program is alive: to be sent more often than every `watchdogInterval`.
        public static var watchdog: Message { Message("WATCHDOG=1", isFleeting: true) }
        /// What the program is doing, in a few words; line feeds become spaces.
        public static func status(_ text: String) -> Message {
            let line = "STATUS=" + String(text.map { $0.isNewline ? " " : $0 })
            return Message(line, isFleeting: true)
        }
        /// The service's main process is another one from now on.
        public static func mainProcess(_ process: CInt) -> Message { Message("MAINPID=\(process)") }
    }

    /// Where supervisors of this library hear of readiness beside the service manager.
    static let readySocketVariable = "ASYNCSOCKETS_READY_SOCKET"

    /// Tells the service manager something, in one message.
    ///
    /// The environment variable `NOTIFY_SOCKET` says where it listens. If the service manager has
    /// not taken the messages before it, this blocks its thread for up to a second; but not for
    /// `watchdog` and `status`, which others follow. The corresponding function is `sd_notify(3)`.
    ///
    /// - Parameter messages: What there is to tell.
    /// - Returns: Whether there is a service manager that wants to hear.
    /// - Throws: `SocketError` if there should be one and it cannot be reached, or it takes no
    ///   more messages (EAGAIN).
    @discardableResult
    public static func notify(_ messages: Message...) throws(SocketError) -> Bool {
        // Before the earlier version hears it, and leaves.
        if messages.contains(.ready) { beginService() }
        let text = messages.map(\.line).joined(separator: "\n")
        let patience: Duration = messages.allSatisfy(\.isFleeting) ? .zero : .seconds(1)
        var isHeard = false
        do throws(Errno) {
            if let name = environmentVariable(readySocketVariable), messages.contains(.ready) {
                isHeard = true
                // The process that started this one may be gone, which is as it should be.
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

    /// This process is no longer one that may fail to start.
    private static func beginService() {
        let inherited = InheritedDescriptors.shared
        inherited.handover.complete()
        guard let supervisor = inherited.supervisor else { return }
        // The supervisor has asked for this, but the kernel forgets it if the process has become
        // another user since. On a loop, since it counts as long as the thread lives.
        Task.detached(executorPreference: EventLoopGroup.shared.taskExecutor) {
            try? receive(.terminate, atEndOfParent: supervisor)
        }
    }

    /// Within what time the service manager wants to hear `watchdog` again and again; nil if it
    /// does not. Half of it is a good interval.
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
