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
    /// Whether errors are queued.
    private let isOn = Atomic<Bool>(false)
    private let state = Mutex(State())

    private struct State {
        /// Taken from the kernel and not handed out, oldest first; at most `limit`.
        var entries: [QueuedError] = []
        /// A second membership of the same socket in the loop, which waits for errors alone.
        var watch: Registration?
        var isClosed = false
    }

    /// More are dropped, oldest first: nobody reads them.
    private static let limit = 64

    init(socket: Registration) { self.socket = socket }

    /// The kernel queues errors from now on; the caller has set the socket's options.
    func turnOn() { isOn.store(true, ordering: .relaxed) }

    var isTurnedOn: Bool { isOn.load(ordering: .relaxed) }

    func close() {
        let watch = state.withLock { state in
            state.isClosed = true
            defer { state.watch = nil }
            return state.watch
        }
        watch?.close()
    }

    /// Whether a failed call is to be tried again, because what it reported is the failure of an
    /// earlier datagram, which is now in this queue.
    ///
    /// Empties the kernel's queue also where a call had to wait: while it holds something, every
    /// wait of a level-triggered poller would end at once.
    func explain<Value>(_ attempt: Attempt<Value>, of socket: CInt) -> Bool {
        guard isOn.load(ordering: .relaxed) else { return false }
        switch attempt {
        case .drained, .undrained: return false
        case .mustWait:
            drain(socket)
            return false
        case .failed(let errno):
            return drain(socket).contains { $0.errno == errno && $0.origin != localOrigin }
        }
    }

    private var localOrigin: UInt8 { QueuedError.localOrigin }

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
            state.entries.append(contentsOf: taken)
            let excess = state.entries.count - Self.limit
            if excess > 0 { state.entries.removeFirst(excess) }
            return (taken, state.watch)
        }
        if !taken.isEmpty { watch?.signal(.read) }
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
            number = try socket.use { (number) throws(Errno) in try duplicateSocket(number) }
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
