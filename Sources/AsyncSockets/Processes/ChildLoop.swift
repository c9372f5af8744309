internal import SocketReactor
internal import SocketSystem

/// The one loop that starts child processes, hears what they say and waits for their end.
///
/// The kernel signals a child when the *thread* that started it ends (PR_SET_PDEATHSIG in
/// `prctl(2)`), and a child must be waited for as long as it runs: so this loop is nobody's to shut
/// down, and its thread stays.
enum ChildLoop {
    static let group = Result { () throws(SocketError) in try EventLoopGroup(loops: 1) }

    /// Where tasks run that have to do with children.
    static var executor: (any TaskExecutor)? { try? group.get().taskExecutor }

    /// Lets time pass; false where the task was cancelled before the end.
    static func sleep(for duration: Duration) async -> Bool {
        let deadline = MonotonicTime.now.advanced(by: duration)
        guard let loop = try? group.get().loops(for: .startProcess).loops.first else {
            return false
        }
        return await loop.sleep(until: deadline) == .ready
    }
}
