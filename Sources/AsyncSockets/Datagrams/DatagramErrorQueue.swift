internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// The network's reports about sent datagrams, taken from the socket's error queue.
///
/// While this is off, the kernel reports such an error once, as the failure of a later call on a
/// connected socket. While it is on, the kernel queues each error with the datagram's destination.
/// The later call still fails, through no fault of its own, and is tried again here.
final class DatagramErrorQueue: Sendable {
    /// The socket that sends and receives.
    private let socket: Registration
    /// Whether the kernel queues errors.
    private let isOn = Atomic<Bool>(false)
    private let state = Mutex(State())

    private struct State {
        /// Errors that were taken from the kernel and not handed out, oldest first; at most
        /// `limit`.
        var entries: [QueuedError] = []
        /// A second membership of the same socket in the loop, which waits only for errors.
        var watch: Registration?
        var isClosed = false
        /// The number of errors from the network that were ever taken.
        var networkCount = 0
        /// The number of errors of this machine's own that were ever taken: of the send that
        /// failed.
        var localCount = 0
    }

    /// The number of errors to keep. Beyond it the oldest are dropped: no task reads them.
    private static let limit = 64

    init(socket: Registration) { self.socket = socket }

    /// Records whether the kernel queues errors from now on, as the socket's options say.
    func turn(on isOn: Bool) { self.isOn.store(isOn, ordering: .relaxed) }

    var isTurnedOn: Bool { isOn.load(ordering: .relaxed) }

    func close() {
        let watch = state.withLock { state in
            state.isClosed = true
            defer { state.watch = nil }
            return state.watch
        }
        watch?.close()
    }

    /// Empties the kernel's queue before a wait. While it holds something, every wait of a
    /// level-triggered poller would end at once.
    func drainBeforeWaiting(_ socket: CInt) {
        if isTurnedOn { drain(socket) }
    }

    /// Whether to try a failed receive again. A network's report is never the receive's own
    /// failure, no matter which task takes the report out of the kernel's queue.
    ///
    /// A failure may come a moment after its report, if that was taken together with an earlier
    /// one; but not often in a row. A receive that keeps failing without reports fails for a reason
    /// of its own.
    func excusesReceive(
        _ errno: Errno,
        of socket: CInt,
        _ excuse: inout ReceiveExcuse
    ) -> Bool {
        guard isTurnedOn, errno.comesFromNetwork else { return false }
        drain(socket)
        let count = state.withLock { $0.networkCount + $0.localCount }
        excuse.failuresWithoutReport = count == excuse.count ? excuse.failuresWithoutReport + 1 : 0
        excuse.count = count
        return excuse.failuresWithoutReport < ReceiveExcuse.limit
    }

    /// Whether to try a failed send again, because the failure belongs to an earlier datagram.
    ///
    /// An unreachable network or a datagram that is too long may also be this send's own failure.
    /// Then it fails again, and no report of the network has come between; or the kernel itself has
    /// reported it.
    func excusesSend(
        _ attempt: Attempt,
        of socket: CInt,
        _ excuse: inout SendExcuse
    ) -> Bool {
        guard isTurnedOn, case .failed(let errno) = attempt, errno.comesFromNetwork else {
            return false
        }
        let taken = drain(socket)
        let (network, local) = state.withLock { ($0.networkCount, $0.localCount) }
        defer { (excuse.networkCount, excuse.localCount) = (network, local) }
        // Nobody can refuse a datagram before it was sent.
        if errno == .connectionRefused { return true }
        guard let networkCount = excuse.networkCount, let localCount = excuse.localCount else {
            return !taken.contains { $0.isLocal && $0.errno == errno }
        }
        return local == localCount && network > networkCount
    }

    /// Takes the errors that the kernel has queued, and tells the watch: epoll does not report them
    /// to it if the queue is empty again by the time that it looks.
    @discardableResult
    private func drain(_ socket: CInt) -> [QueuedError] {
        let (taken, watch) = state.withLock { state in
            var taken: [QueuedError] = []
            while taken.count < Self.limit,
                let entry = try? takeQueuedError(from: socket)
            {
                taken.append(entry)
            }
            for entry in taken {
                if entry.isLocal { state.localCount += 1 } else { state.networkCount += 1 }
            }
            state.entries.append(contentsOf: taken)
            let excess = state.entries.count - Self.limit
            if excess > 0 { state.entries.removeFirst(excess) }
            return (taken, state.watch)
        }
        if !taken.isEmpty { watch?.signal(.read) }
        watch?.calm(.read)
        return taken
    }

    /// Waits for the next error.
    func next() async throws(OperationFailure) -> QueuedError {
        if Task.isCancelled { throw .cancelled }
        let watch = try watching()
        // Errors that a receiver took from the kernel before the watch began wake no waiter.
        if let entry = takeFirst() { return entry }
        var operation = Operation(.read, .standsInLine)
        while true {
            if let entry = try tryNext(watch, &operation) { return entry }
            try await operation.wait(for: watch)
        }
    }

    private func tryNext(
        _ watch: Registration,
        _ operation: inout Operation
    ) throws(OperationFailure) -> QueuedError? {
        guard try operation.begins(on: watch) else { return nil }
        drain(watch.descriptor)
        let entry = takeFirst()
        let attempt: Attempt = entry == nil ? .mustWait : .done(leaving: .unknown)
        return try operation.ends(attempt, on: watch) ? entry : nil
    }

    private func takeFirst() -> QueuedError? {
        state.withLock { $0.entries.isEmpty ? nil : $0.entries.removeFirst() }
    }

    /// The membership that waits for errors. The first wait makes it.
    private func watching() throws(OperationFailure) -> Registration {
        if let watch = state.withLock({ $0.watch }) { return watch }
        let number: CInt?
        do throws(Errno) {
            number = try socket.use { (number) throws(Errno) in
                try duplicateDescriptor(number).release()
            }
        } catch {
            throw .system(error)
        }
        guard let number else { throw .closed }
        let made = try socket.loop.register(Descriptor(owning: number), interest: .error)
        let (used, isClosed) = state.withLock { state in
            if state.watch == nil, !state.isClosed { state.watch = made }
            return (state.watch, state.isClosed)
        }
        if used !== made { made.close() }
        guard let used, !isClosed else { throw .closed }
        return used
    }
}

/// The state of the error queue at the last try of a repeated send.
struct SendExcuse {
    var networkCount: Int?
    var localCount: Int?
}

/// The state of the error queue at the last try of a repeated receive.
struct ReceiveExcuse {
    /// The number of errors that the queue had ever given by then.
    var count = -1
    /// The number of times in a row that the call failed while the queue gave none.
    var failuresWithoutReport = 0

    /// The number of such failures that is too many.
    static let limit = 8
}

extension QueuedError {
    /// Whether this machine refused the datagram before it left.
    fileprivate var isLocal: Bool { origin == Self.localOrigin }
}
