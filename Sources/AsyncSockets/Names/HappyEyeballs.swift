internal import SocketSystem

/// START HERE for connecting by name. Happy Eyeballs, RFC 8305, as a pure value: it decides which
/// name is looked up, which address is tried or given up, and when.
///
/// Its driver (`ConnectionRace`) reports each event with its moment, and carries out the actions
/// that come back. The machine knows neither sockets nor clocks.
///
///     asking ──first usable answer──▶ racing ──connected, all failed──▶ finished
///        │                              │                                  ▲
///        └──── both lookups failed ─────┴─────── cancelled, expired ───────┘
///
/// - asking: AAAA and A were asked at once. Addresses of IPv6 begin the race. Addresses of IPv4
///   begin it if IPv6 has none, or after the resolution delay.
/// - racing: attempts are started one by one: when the attempt delay since the last start is over,
///   or at once if an attempt fails or none is running. Late answers join the queue.
/// - finished: running attempts are abandoned; a connection that still arrives is closed.
struct HappyEyeballs: Sendable {
    /// The delays, section 8 of the RFC.
    struct Timing: Hashable, Sendable {
        /// The time that addresses of IPv4 wait for those of IPv6.
        var resolutionDelay: Duration = .milliseconds(50)
        /// The time that an attempt has before the next one starts.
        var attemptDelay: Duration = .milliseconds(250)
    }

    enum Event: Sendable {
        case answered(IPAddress.Version, [IPAddress])
        case lookupFailed(IPAddress.Version, SocketError)
        /// The moment of the last `.wake` has come. An early or late event does no harm.
        case timerFired
        case connected(Int)
        case failed(Int, SocketError)
        case cancelled
        /// The deadline of the whole race has passed.
        case expired
    }

    enum Action: Hashable, Sendable {
        case lookUp(IPAddress.Version)
        /// Start the attempt with this number.
        case connect(Int, SocketAddress)
        /// Send `.timerFired` at this moment.
        case wake(MonotonicTime)
        /// Stop an attempt; its socket is closed.
        case abandon(Int)
        /// Close a connection that is no longer needed.
        case close(Int)
        case finish(Outcome)
    }

    enum Outcome: Hashable, Sendable {
        case connected(Int)
        /// See `attempts` and `lookupFailures`.
        case failed
        case cancelled
        case timedOut
    }

    /// One address that is or was tried.
    struct Attempt: Sendable {
        let address: SocketAddress
        let started: MonotonicTime
        var ended: MonotonicTime?
        var error: SocketError?
        var isRunning: Bool { ended == nil }
    }

    private enum Phase { case asking, racing, finished }

    /// The port of every address.
    private let port: UInt16
    private let timing: Timing
    private var phase = Phase.asking
    /// The versions whose answers are still to come.
    private var asked: Set<IPAddress.Version>
    /// The addresses that are still to be tried.
    private var queue = AddressQueue()
    /// The end of the time that addresses of IPv4 wait for those of IPv6.
    private var resolutionDeadline: MonotonicTime?
    /// No attempt starts beside a running one before this moment.
    private var nextStart: MonotonicTime?
    /// The moment of the last `.wake`, until it has come.
    private var wakesAt: MonotonicTime?

    /// Every attempt so far, by number.
    private(set) var attempts: [Attempt] = []
    /// The lookups that gave no address.
    private(set) var lookupFailures: [IPAddress.Version: SocketError] = [:]
    /// The moment at which it began.
    private(set) var began = MonotonicTime.never

    init(
        port: UInt16,
        versions: Set<IPAddress.Version> = [.v4, .v6],
        timing: Timing = Timing()
    ) {
        self.port = port
        self.timing = timing
        asked = versions
    }
}

// MARK: - Events

extension HappyEyeballs {
    /// Begins the race. The AAAA question goes out first, section 3.
    mutating func start(at now: MonotonicTime) -> [Action] {
        began = now
        return [.v6, .v4].filter(asked.contains).map(Action.lookUp)
    }

    /// Takes in an event; returns the actions to carry out, in this order.
    mutating func handle(_ event: Event, at now: MonotonicTime) -> [Action] {
        if phase == .finished {
            if case .connected(let number) = event { return [.close(number)] }
            return []
        }
        switch event {
        case .answered(let version, let addresses):
            asked.remove(version)
            queue.add(addresses)
        case .lookupFailed(let version, let error):
            asked.remove(version)
            lookupFailures[version] = error
        case .timerFired:
            wakesAt = nil
        case .connected(let number):
            return end(number, with: nil, at: now) ? finish(.connected(number)) : []
        case .failed(let number, let error):
            // The next one starts at once, section 5.
            if end(number, with: error, at: now) { nextStart = now }
        case .cancelled:
            return finish(.cancelled)
        case .expired:
            return finish(.timedOut)
        }
        if phase == .asking { decideWhetherToRace(at: now) }
        return phase == .racing ? race(at: now) : waitOrFail()
    }

    /// Notes an attempt's end; returns false if it was over already.
    private mutating func end(
        _ number: Int,
        with error: SocketError?,
        at now: MonotonicTime
    ) -> Bool {
        guard attempts.indices.contains(number), attempts[number].isRunning else { return false }
        attempts[number].ended = now
        attempts[number].error = error
        return true
    }
}

// MARK: - Decisions

extension HappyEyeballs {
    private mutating func decideWhetherToRace(at now: MonotonicTime) {
        if queue.isEmpty { return }
        // The answer of IPv6 is there, or will not come, or IPv4 has waited for it long enough.
        guard asked.contains(.v6) else {
            phase = .racing
            return
        }
        let deadline = resolutionDeadline ?? now.advanced(by: timing.resolutionDelay)
        resolutionDeadline = deadline
        if now >= deadline { phase = .racing }
    }

    private mutating func race(at now: MonotonicTime) -> [Action] {
        var actions: [Action] = []
        while mayStart(at: now), let address = queue.next() {
            let target = SocketAddress(address, port: port)
            actions.append(.connect(attempts.count, target))
            attempts.append(Attempt(address: target, started: now))
            nextStart = now.advanced(by: timing.attemptDelay)
        }
        return actions + waitOrFail()
    }

    private func mayStart(at now: MonotonicTime) -> Bool {
        guard let nextStart, attempts.contains(where: \.isRunning) else { return true }
        return now >= nextStart
    }

    /// Sets the timer that is needed, or ends if there is nothing left to wait for.
    private mutating func waitOrFail() -> [Action] {
        if asked.isEmpty, queue.isEmpty, !attempts.contains(where: \.isRunning) {
            return finish(.failed)
        }
        let deadline = phase == .asking ? resolutionDeadline : nextStart
        guard !queue.isEmpty, let deadline, deadline != wakesAt else { return [] }
        wakesAt = deadline
        return [.wake(deadline)]
    }

    private mutating func finish(_ outcome: Outcome) -> [Action] {
        phase = .finished
        let losers = attempts.indices.filter { attempts[$0].isRunning }
        return losers.map(Action.abandon) + [.finish(outcome)]
    }
}
