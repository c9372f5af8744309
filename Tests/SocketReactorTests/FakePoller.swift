import SocketReactor
import SocketSystem
import Synchronization

/// A poller whose events the test makes up, and which writes down what the loop asks of it.
final class FakePoller: Poller {
    enum Request: Hashable {
        case add(CInt, key: UInt64, Interest)
        case update(CInt, key: UInt64, Interest)
        case remove(CInt)
    }

    let isEdgeTriggered: Bool
    let needsWakeAfterChange: Bool
    /// Waits for the loop's wake-up and ours, which are the only descriptors that it is given.
    private let inner = PollPoller()
    private let ours: Wakeup
    private let ourKey = UInt64.max - 1
    private let state = Mutex(State())

    private struct State {
        var wakeupKey: UInt64?
        var script: [ReadyEvent] = []
        var requests: [Request] = []
        /// How often the loop has waited.
        var polls = 0
    }

    init(isEdgeTriggered: Bool, needsWakeAfterChange: Bool = false) throws {
        self.isEdgeTriggered = isEdgeTriggered
        self.needsWakeAfterChange = needsWakeAfterChange
        ours = try Wakeup(usePipe: false)
        try inner.add(ours.descriptor, key: ourKey, interest: .read)
    }

    /// What the loop has asked for since the last question.
    func takeRequests() -> [Request] {
        state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
    }

    var polls: Int { state.withLock(\.polls) }

    /// Lets the loop's wait return these events.
    func report(_ events: ReadyEvent...) {
        state.withLock { $0.script.append(contentsOf: events) }
        ours.signal()
    }

    func add(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {
        let isWakeup = state.withLock { state in
            // The first that a loop adds is its own wake-up.
            if state.wakeupKey == nil {
                state.wakeupKey = key
                return true
            }
            state.requests.append(.add(descriptor, key: key, interest))
            return false
        }
        if isWakeup { try inner.add(descriptor, key: key, interest: interest) }
    }

    func update(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {
        state.withLock { $0.requests.append(.update(descriptor, key: key, interest)) }
    }

    func remove(_ descriptor: CInt) {
        state.withLock { $0.requests.append(.remove(descriptor)) }
    }

    func poll(milliseconds: CInt, into events: inout [ReadyEvent]) throws(Errno) {
        let start = events.count
        try inner.poll(milliseconds: milliseconds, into: &events)
        let scripted = state.withLock { state in
            state.polls += 1
            defer { state.script = [] }
            return state.script
        }
        if events[start...].contains(where: { $0.key == ourKey }) { ours.drain() }
        events.removeAll { $0.key == ourKey }
        events.append(contentsOf: scripted)
    }
}
