internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// What the network reported of datagrams that were sent, taken from the socket's error queue.
///
/// While this is off, the kernel reports such an error once, as the failure of a later call on a
/// connected socket. While it is on, the kernel queues each with the datagram's destination; the
/// later call fails too, for no fault of its own, and is tried again here.
final class DatagramErrorQueue: Sendable {
    /// The socket that sends and receives.
    private let socket: Registration
    /// Whether the kernel queues errors.
    private let isOn = Atomic<Bool>(false)
    private let state = Mutex(State())

    private struct State {
        /// Taken from the kernel and not handed out, oldest first; at most `limit`.
        var entries: [QueuedError] = []
        /// A second membership of the same socket in the loop, which waits for errors alone.
        var watch: Registration?
        var isClosed = false
        /// How many were ever taken that the network had reported.
        var networkCount = 0
        /// How many were ever taken that this machine had reported: of the send that failed.
        var localCount = 0
    }

    /// More are dropped, oldest first: nobody reads them.
    private static let limit = 64

    init(socket: Registration) { self.socket = socket }

    /// Whether the kernel queues errors from now on: the socket's options say so.
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

    /// Empties the kernel's queue before a wait: while it holds something, every wait of a
    /// level-triggered poller would end at once.
    func drainBeforeWaiting(_ socket: CInt) {
        if isTurnedOn { drain(socket) }
    }

    /// Whether a receive that failed is to be tried again. What the network reports is never a
    /// receive's own fault, whoever takes the report out of the kernel's queue.
    ///
    /// A failure may come a moment after its report, which was taken with an earlier one; but not
    /// often in a row. Whoever fails without reports does so for a reason of its own.
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

    /// Whether a send that failed is to be tried again, because what it reported is the failure of
    /// an earlier datagram.
    ///
    /// An unreachable network or a datagram that is too long may be its own fault too. Then it
    /// fails again, and no report of the network has come between; or the kernel itself has
    /// reported it.
    func excusesSend<Value>(
        _ attempt: Attempt<Value>,
        of socket: CInt,
        _ excuse: inout SendExcuse
    ) -> Bool {
        guard isTurnedOn, case .failed(let errno) = attempt, errno.comesFromNetwork else {
            return false
        }
        let taken = drain(socket)
        let (network, local) = state.withLock { ($0.networkCount, $0.localCount) }
        defer { (excuse.networkCount, excuse.localCount) = (network, local) }
        // Nobody answers before the datagram was sent.
        if errno == .connectionRefused { return true }
        guard let networkCount = excuse.networkCount, let localCount = excuse.localCount else {
            return !taken.contains { $0.isLocal && $0.errno == errno }
        }
        return local == localCount && network > networkCount
    }

    /// Takes what the kernel has queued, and tells the watch: epoll reports nothing to it where the
    /// queue is empty again by the time that it looks.
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
        // What a receiver has taken from the kernel before the watch began wakes nobody.
        if let entry = takeFirst() { return entry }
        // An operation does not keep its registration alive, and `close` lets go of this one.
        defer { withExtendedLifetime(watch) {} }
        var operation = try Operation(watch, .read, .inLine)
        while true {
            try await operation.ready()
            drain(operation.descriptor)
            let attempt = takeFirst().map { Attempt.undrained($0) } ?? .mustWait
            if let entry = try operation.result(of: attempt) { return entry }
        }
    }

    private func takeFirst() -> QueuedError? {
        state.withLock { $0.entries.isEmpty ? nil : $0.entries.removeFirst() }
    }

    /// The membership that waits for errors, made at the first wait.
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

/// What a send that is tried again has seen at its last try.
struct SendExcuse {
    var networkCount: Int?
    var localCount: Int?
}

/// What a receive that is tried again has seen at its last try.
struct ReceiveExcuse {
    /// How many errors the queue had ever given by then.
    var count = -1
    /// How many times in a row the call has failed while the queue gave none.
    var failuresWithoutReport = 0

    /// How many times are too many.
    static let limit = 8
}

extension QueuedError {
    /// Whether this machine refused the datagram, before it left.
    fileprivate var isLocal: Bool { origin == Self.localOrigin }
}
