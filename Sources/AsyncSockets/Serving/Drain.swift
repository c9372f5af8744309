internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// How a server leaves: it stops accepting and lets its clients finish; who takes too long is
/// ended.
final class Drain: Sendable {
    private struct State {
        var hasBegun = false
        /// The time is over.
        var hasExpired = false
        /// The server is done.
        var isFinished = false
        var timer: Task<Void, Never>?
        var end: (@Sendable () -> Void)?
        var failure: SocketError?
    }

    private let state = Mutex(State())
    private let patience: Duration
    private let leave: @Sendable () -> Void
    private let settle: @Sendable () -> Void
    /// Who keeps the time. Not `Task.sleep`: its first use wants descriptors, and a server that
    /// has none left must still be able to leave.
    private let loop: EventLoop?

    /// A drain that has not begun.
    ///
    /// - Parameters:
    ///   - patience: How long clients may take.
    ///   - group: Whose loops keep the time.
    ///   - leave: Stops accepting and tells the clients, except those that have sent nothing yet.
    ///   - settle: Tells those, too, a moment later.
    init(
        for patience: Duration,
        on group: EventLoopGroup,
        leave: @escaping @Sendable () -> Void,
        settle: @escaping @Sendable () -> Void
    ) {
        self.patience = patience
        self.leave = leave
        self.settle = settle
        loop = (try? group.started.get())?.leastLoadedLoop
    }

    /// Why the server had to leave; nil where it was asked to.
    var failure: SocketError? { state.withLock { $0.failure } }

    /// Says how those are ended that take too long.
    func ends(_ end: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            state.end = end
            return state.hasExpired
        }
        if isLate { end() }
    }

    /// Leaves; the first call counts.
    func begin(_ failure: SocketError? = nil) {
        let begins = state.withLock { state in
            defer { state.hasBegun = true }
            if state.hasBegun { return false }
            state.failure = failure
            return true
        }
        guard begins else { return }
        Impatience.current?.whenShown { [weak self] in self?.expire() }
        leave()
        let grace = MonotonicTime.now.advanced(by: min(ClientList.grace, patience / 2))
        let deadline = MonotonicTime.now.advanced(by: patience)
        state.withLock { state in
            if state.isFinished { return }
            state.timer = Task { [self] in
                // A loop that was shut down keeps no time, and its sockets are closed anyway.
                if (try? await loop?.sleep(until: grace)) != nil { settle() }
                if (try? await loop?.sleep(until: deadline)) != nil { expire() }
            }
        }
    }

    private func expire() {
        let end = state.withLock { state in
            state.hasExpired = true
            return state.isFinished ? nil : state.end
        }
        end?()
    }

    /// The server is done.
    func finish() {
        let timer = state.withLock { state in
            state.isFinished = true
            state.end = nil
            return state.timer.take()
        }
        timer?.cancel()
    }
}
