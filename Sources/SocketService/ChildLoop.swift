internal import AsyncSockets
internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// The one loop that starts child processes, receives their messages and waits for their end.
///
/// The kernel signals a child when the *thread* that started it ends (PR_SET_PDEATHSIG in
/// `prctl(2)`), and a child must be waited for as long as it runs. So a program cannot shut down
/// this loop, and its thread stays.
final class ChildLoop: Sendable {
    static let shared = ChildLoop { () throws(SocketError) in try EventLoopGroup(loops: 1) }

    private let start: @Sendable () throws(SocketError) -> EventLoopGroup
    /// The loop's group, once it was needed and the system could start it.
    private let started = Mutex<EventLoopGroup?>(nil)

    init(start: @escaping @Sendable () throws(SocketError) -> EventLoopGroup) {
        self.start = start
    }

    /// The loop's group. A failure is not kept: missing descriptors may be there next time.
    func group(for operation: SocketError.Operation) throws(SocketError) -> EventLoopGroup {
        let result = started.withLock { started -> Result<EventLoopGroup, SocketError> in
            if let started { return .success(started) }
            let result = Result { () throws(SocketError) in try start() }
            started = try? result.get()
            return result
        }
        do throws(SocketError) { return try result.get() } catch { throw error.during(operation) }
    }

    /// Lets time pass; false if the task was cancelled before the end.
    static func sleep(for duration: Duration) async -> Bool {
        await sleep(until: MonotonicTime.now.advanced(by: duration))
    }

    /// Waits until a moment; false if the task was cancelled before.
    static func sleep(until moment: MonotonicTime) async -> Bool {
        let group = try? shared.group(for: .startProcess).loops(for: .startProcess)
        guard let loop = group?.loops.first else { return false }
        return (try? await loop.sleep(until: moment)) == true
    }
}
