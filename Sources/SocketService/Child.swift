internal import AsyncSockets
internal import SocketSystem
internal import Synchronization

/// A child of this process, until it is reaped: its number means it only so long.
final class Child: Sendable {
    /// The process's number.
    let number: CInt
    /// Readable when the process has ended: a pidfd or, on systems that refuse pidfds, a counter
    /// that a thread raises.
    private let end: WatchedDescriptor
    private let isPidfd: Bool
    /// Whether the process was reaped. Locked while it is signalled, because its number may be
    /// another's afterwards.
    private let isReaped = Mutex(false)

    /// Watches a child that was just started.
    ///
    /// - Throws: `SocketError` if it cannot be watched; it is killed then, and gone.
    init(watching number: CInt, on group: EventLoopGroup) throws(SocketError) {
        self.number = number
        do throws(SocketError) {
            let descriptor: CInt
            (descriptor, isPidfd) = try Self.open(number)
            end = try WatchedDescriptor(owning: descriptor, on: group)
        } catch {
            // Otherwise its end would go unnoticed.
            killChild(number)
            throw error
        }
    }

    private static func open(
        _ number: CInt
    ) throws(SocketError) -> (descriptor: CInt, isPidfd: Bool) {
        do throws(Errno) {
            do throws(Errno) {
                return (try openProcess(number).release(), true)
            } catch .notImplemented, .notPermitted, .accessDenied {
                return (try openCounter(raisedAtEndOf: number).release(), false)
            }
        } catch {
            let isTaken = error == .noSuchProcess
            throw SocketError(
                .startProcess,
                error,
                reason: isTaken
                    ? "process \(number) has ended, and its status was taken (is SIGCHLD ignored?)"
                    : "pidfd_open(2) of process \(number)"
            )
        }
    }

    private static func openCounter(raisedAtEndOf number: CInt) throws(Errno) -> Descriptor {
        let counter = try openEventCounter()
        let raised = try duplicateDescriptor(counter.rawValue).release()
        do throws(Errno) {
            try startThread(name: "child-\(number)") {
                waitForChild(number)
                signalWakeDescriptor(raised)
                closeDescriptor(raised)
            }
        } catch {
            closeDescriptor(raised)
            throw error
        }
        return counter
    }

    private func use<Value>(_ body: (_ pidfd: CInt?) throws -> Value) throws -> Value {
        try end.use { try body(isPidfd ? $0 : nil) }
    }

    /// Sends a signal. If the process has ended already, that is not an error.
    func send(_ signal: SignalNumber) throws(Errno) {
        let refusal = isReaped.withLock { isReaped -> Errno? in
            if isReaped { return nil }
            do {
                try use { try sendSignal(signal, toChild: number, $0) }
                return nil
            } catch {
                return error as? Errno
            }
        }
        if let refusal, refusal != .noSuchProcess { throw refusal }
    }

    /// Waits until the process has ended, and reaps it.
    func ended() async -> ProcessEnd {
        defer { end.close() }
        while (try? await end.readable()) != nil {
            do {
                if let how = try reap() { return how }
            } catch {
                break
            }
        }
        // The loop is never shut down, so this cannot happen; but if it did, the child's end would
        // go unnoticed.
        killChild(number)
        return .unknown
    }

    private func reap() throws -> ProcessEnd? {
        try isReaped.withLock { isReaped in
            let how = try use { try reapChild(number, $0) }
            isReaped = how != nil
            return how
        }
    }
}
