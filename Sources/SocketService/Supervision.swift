internal import SocketSystem

/// A supervisor's decisions, as a value: it takes in what happened and returns what to do. It knows
/// no process, clock or socket.
///
/// There is a *slot* for each worker that should run. A worker goes this way. The word at an arrow
/// is the input; brackets show the action:
///
///     launching ──started──▶ starting ──ready──▶ serving ──its successor serves──▶ leaving
///         │                     │                   │            [SIGTERM]            │
///     notStarted              ended               ended                             ended
///         └─────────────────────┴───────────────────┴─▶ [another one, perhaps later]  ▼
///
/// A slot's *current* worker is one that is not leaving. In a *renewal* of a slot its successor is
/// launched beside it. When the successor serves, it becomes the current worker, and the old one
/// leaves. One slot is renewed at a time. When everything is stopped, every worker leaves.
struct Supervision: Hashable, Sendable {
    /// Something that has happened.
    enum Input: Hashable, Sendable {
        /// The beginning.
        case begin
        /// A process runs, as `Output.start` requested.
        case started(worker: Int, process: CInt)
        /// The process could not be started.
        case notStarted(worker: Int, String)
        /// A worker reported that it is ready.
        case ready(worker: Int)
        /// Another process reported for a worker that it is ready.
        case unheard(worker: Int, from: CInt)
        /// A signal could not be sent.
        case notSent(SignalNumber, worker: Int, String)
        /// A worker's process has ended.
        case ended(worker: Int, ProcessEnd)
        /// The time of `Output.wake` has passed.
        case due(Alarm)
        /// All workers are to be replaced.
        case replaceAll
        /// All workers are to end.
        case stop
        /// All workers are to end, and sooner than `stop` lets them.
        case hurry
    }

    /// The action that is due after some time.
    enum Alarm: Hashable, Sendable {
        /// The slot needs a worker.
        case start(slot: Int)
        /// The worker should be ready by now.
        case ready(worker: Int)
        /// The worker has lived long enough to count as successfully started.
        case proven(worker: Int)
        /// The worker should be gone by now.
        case gone(worker: Int)
    }

    /// Something to do.
    enum Output: Hashable, Sendable {
        /// Start a process; `started` or `notStarted` follows.
        case start(worker: Int)
        /// Send a signal, and tell the user if it was sent; `notSent` follows if it was not.
        case send(SignalNumber, worker: Int, WorkerEvent)
        case wake(Alarm, after: Duration)
        /// Give up the shared sockets.
        case closeSockets
        /// Tell the service manager.
        case tell(News)
        /// Tell the user.
        case report(WorkerEvent)
    }

    /// The news for service managers.
    enum News: Hashable, Sendable {
        case ready
        case reloading
        case stopping
        case status(String)
    }

    private enum Phase { case launching, starting, serving, leaving }

    private struct Worker: Hashable {
        let slot: Int
        var process: CInt?
        var phase = Phase.launching
        /// Whether it has lived long enough to count as successfully started.
        var isOld = false
        /// Another process that reported in its place that it is ready.
        var stranger: CInt?
        /// Whether it was asked a second time to leave.
        var isHurried = false
        /// The reason why it is killed.
        var fault: Fault?

        /// Whether its start was a success.
        var isProven: Bool { isOld && (phase == .serving || phase == .leaving) }
    }

    /// A reason to kill a worker.
    private enum Fault {
        case notReady, notFinished, hurried

        func text(_ worker: Worker) -> String {
            switch self {
            case .notReady:
                "it was not ready in time"
                    + (worker.stranger.map { "; " + Supervision.unheard($0) } ?? "")
            case .notFinished: "it did not finish in time"
            case .hurried: "it was asked three times"
            }
        }
    }

    private struct Slot: Hashable {
        var current: Int?
        /// The number of workers in a row that failed to start.
        var failures = 0
    }

    /// The progress of a slot's renewal.
    private enum Renewal: Hashable {
        case starting(slot: Int, successor: Int)
        /// The successor serves.
        case leaving(old: Int)
    }

    private let rules: Rules
    private var slots: [Slot]
    private var workers: [Int: Worker] = [:]
    private var nextWorker = 0
    private var renewal: Renewal?
    private var slotsToRenew: [Int] = []
    private var isRenewing = false
    private var hasBeenReady = false
    private var isStopping = false

    /// The reason for giving up; nil if it was not given up.
    private(set) var failure: String?
    /// Whether nothing is left to do.
    var isOver: Bool { isStopping && workers.isEmpty }

    /// How workers are run: the part of `WorkerOptions` that matters here.
    struct Rules: Hashable, Sendable {
        var count: Int
        var readyWithin: Duration?
        var drain: Duration
        var minimumLifetime: Duration
        var backOff: Duration
        var longestBackOff: Duration
        var failedStarts: Int

        /// The wait before the next start: doubled with each failure, up to the limit. No value on
        /// the way exceeds the limit, because a `Duration` can be too long to be doubled.
        func pause(afterFailures failures: Int) -> Duration {
            let longestBackOff = max(longestBackOff, .zero)
            var pause = min(max(backOff, .zero), longestBackOff)
            // Only zero can be doubled more often than that without reaching the limit.
            for _ in 1..<min(max(failures, 1), 128) {
                if pause > longestBackOff / 2 { return longestBackOff }
                pause *= 2
            }
            return pause
        }
    }

    init(_ rules: Rules) {
        self.rules = rules
        slots = Array(repeating: Slot(), count: max(rules.count, 1))
    }

    /// Takes in an input; returns what to do, in order.
    mutating func handle(_ input: Input) -> [Output] {
        var outputs: [Output] = []
        switch input {
        case .begin: for slot in slots.indices { fill(slot, &outputs) }
        case .started(let worker, let process): started(worker, process, &outputs)
        case .notStarted(let worker, let why):
            outputs.append(.report(WorkerEvent(.failed, nil, why)))
            if let lost = workers.removeValue(forKey: worker) {
                replace(worker, lost, "it could not be started: \(why)", &outputs)
            }
        case .ready(let worker): becameReady(worker, &outputs)
        case .unheard(let worker, let other): unheard(worker, other, &outputs)
        case .notSent(let signal, let worker, let why): notSent(signal, worker, why, &outputs)
        case .ended(let worker, let how): ended(worker, how, &outputs)
        case .due(let alarm): due(alarm, &outputs)
        case .replaceAll: replaceAll(&outputs)
        case .stop: stop(&outputs)
        case .hurry: hurry(&outputs)
        }
        return outputs
    }

    private mutating func due(_ alarm: Alarm, _ outputs: inout [Output]) {
        switch alarm {
        case .start(let slot):
            if !isStopping, slots[slot].current == nil { fill(slot, &outputs) }
        case .ready(let worker):
            if workers[worker]?.phase == .starting { kill(worker, .notReady, &outputs) }
        case .proven(let worker):
            workers[worker]?.isOld = true
            prove(worker)
        case .gone(let worker): kill(worker, .notFinished, &outputs)
        }
    }
}

// MARK: - Starting

extension Supervision {
    private mutating func launch(for slot: Int, _ outputs: inout [Output]) -> Int {
        let worker = nextWorker
        nextWorker += 1
        workers[worker] = Worker(slot: slot)
        outputs.append(.start(worker: worker))
        return worker
    }

    private mutating func fill(_ slot: Int, _ outputs: inout [Output]) {
        slots[slot].current = launch(for: slot, &outputs)
    }

    private mutating func started(_ worker: Int, _ process: CInt, _ outputs: inout [Output]) {
        guard let phase = workers[worker]?.phase else { return }
        workers[worker]?.process = process
        outputs.append(.report(WorkerEvent(.started, process)))
        if phase == .leaving { return askToLeave(worker, &outputs) }
        workers[worker]?.phase = .starting
        outputs.append(.wake(.proven(worker: worker), after: rules.minimumLifetime))
        if let time = rules.readyWithin {
            outputs.append(.wake(.ready(worker: worker), after: time))
        } else {
            becameReady(worker, &outputs)
        }
    }

    private mutating func becameReady(_ worker: Int, _ outputs: inout [Output]) {
        guard let process = workers[worker]?.process, workers[worker]?.phase == .starting else {
            return
        }
        workers[worker]?.phase = .serving
        prove(worker)
        outputs.append(.report(WorkerEvent(.ready, process)))
        if case .starting(let slot, worker) = renewal {
            let old = slots[slot].current
            slots[slot].current = worker
            renewal = old.map { .leaving(old: $0) }
            if let old { leave(old, &outputs) } else { renewNext(&outputs) }
        }
        if !hasBeenReady, slots.allSatisfy({ isServing($0.current) }) {
            hasBeenReady = true
            outputs.append(.tell(.ready))
        }
    }

    private mutating func unheard(_ worker: Int, _ other: CInt, _ outputs: inout [Output]) {
        guard let phase = workers[worker]?.phase, phase == .launching || phase == .starting else {
            return
        }
        workers[worker]?.stranger = other
        let process = workers[worker]?.process
        outputs.append(.report(WorkerEvent(.unheard, process, Self.unheard(other))))
    }

    /// The reason why a process was not heard.
    static func unheard(_ other: CInt) -> String {
        "process \(other) said READY=1 in its place; a script must start its program with exec"
    }

    private func isServing(_ worker: Int?) -> Bool {
        worker.flatMap { workers[$0] }?.phase == .serving
    }

    /// A worker whose start was a success ends a row of failures.
    private mutating func prove(_ worker: Int) {
        if let proven = workers[worker], proven.isProven { slots[proven.slot].failures = 0 }
    }
}

// MARK: - Ending

extension Supervision {
    private mutating func ended(_ worker: Int, _ how: ProcessEnd, _ outputs: inout [Output]) {
        guard let lost = workers.removeValue(forKey: worker) else { return }
        // The signal alone would be the end of the story, and not its reason.
        let fault = how == .killed(.kill) ? lost.fault : nil
        let text = how.text + (fault.map { ": " + $0.text(lost) } ?? "")
        outputs.append(.report(WorkerEvent(.ended, lost.process, text)))
        replace(worker, lost, text, &outputs)
    }

    /// Replaces the worker of a slot that is gone.
    private mutating func replace(
        _ id: Int,
        _ lost: Worker,
        _ how: String,
        _ outputs: inout [Output]
    ) {
        if isStopping { return }
        let slot = lost.slot
        switch renewal {
        case .leaving(id):
            renewal = nil
            renewNext(&outputs)
        case .starting(slot, id):
            // The new one does not work; the old ones serve on.
            renewal = nil
            slotsToRenew = []
            outputs.append(.tell(.status("the workers were not replaced: \(how)")))
            if slots[slot].current == nil { startAgain(slot, failed: true, how, &outputs) }
            renewNext(&outputs)
        case .starting(slot, _):
            // The successor comes anyway.
            slots[slot].current = nil
        default:
            slots[slot].current = nil
            startAgain(slot, failed: !lost.isProven, how, &outputs)
        }
    }

    /// Starts another worker for a slot: at once, or later if the last one failed to start.
    private mutating func startAgain(
        _ slot: Int,
        failed: Bool,
        _ how: String,
        _ outputs: inout [Output]
    ) {
        guard failed else { return fill(slot, &outputs) }
        slots[slot].failures += 1
        // As long as one slot does better, a service with too few workers is better than none.
        if slots.allSatisfy({ $0.failures >= rules.failedStarts }) {
            let failures = slots.reduce(0) { $0 + $1.failures }
            failure = "\(failures) workers in a row failed to start; of the last: \(how)"
            return stop(&outputs)
        }
        let pause = rules.pause(afterFailures: slots[slot].failures)
        outputs.append(.wake(.start(slot: slot), after: pause))
    }

    private mutating func replaceAll(_ outputs: inout [Output]) {
        if isStopping { return }
        slotsToRenew = Array(slots.indices)
        isRenewing = true
        outputs.append(.tell(.reloading))
        renewNext(&outputs)
    }

    /// Goes on with the next slot, unless one is being renewed.
    private mutating func renewNext(_ outputs: inout [Output]) {
        while renewal == nil, let slot = slotsToRenew.first {
            slotsToRenew.removeFirst()
            // A slot without a worker gets a new one anyway.
            if slots[slot].current == nil { continue }
            renewal = .starting(slot: slot, successor: launch(for: slot, &outputs))
        }
        if renewal == nil, isRenewing {
            isRenewing = false
            if hasBeenReady { outputs.append(.tell(.ready)) }
        }
    }

    private mutating func leave(_ id: Int, _ outputs: inout [Output]) {
        guard let worker = workers[id], worker.phase != .leaving else { return }
        workers[id]?.phase = .leaving
        if worker.process != nil { askToLeave(id, &outputs) }
    }

    private func askToLeave(_ id: Int, _ outputs: inout [Output]) {
        let event = WorkerEvent(.leaving, workers[id]?.process)
        outputs.append(.send(.terminate, worker: id, event))
        outputs.append(.wake(.gone(worker: id), after: rules.drain))
    }

    private mutating func stop(_ outputs: inout [Output]) {
        if isStopping { return }
        isStopping = true
        renewal = nil
        slotsToRenew = []
        isRenewing = false
        outputs.append(.tell(.stopping))
        // New clients are to be refused, not left in the queue of a socket that is not served.
        outputs.append(.closeSockets)
        for id in workers.keys.sorted() { leave(id, &outputs) }
    }

    /// The first time workers learn that they are to leave at once, the next time they are killed.
    private mutating func hurry(_ outputs: inout [Output]) {
        guard isStopping else { return stop(&outputs) }
        for id in workers.keys.sorted() {
            guard let worker = workers[id], let process = worker.process else { continue }
            if worker.isHurried {
                kill(id, .hurried, &outputs)
            } else {
                workers[id]?.isHurried = true
                let event = WorkerEvent(.leaving, process, "at once")
                outputs.append(.send(.terminate, worker: id, event))
            }
        }
    }

    private mutating func kill(_ id: Int, _ fault: Fault, _ outputs: inout [Output]) {
        guard let worker = workers[id], let process = worker.process else { return }
        workers[id]?.fault = fault
        let event = WorkerEvent(.killed, process, fault.text(worker))
        outputs.append(.send(.kill, worker: id, event))
    }

    /// A worker that cannot be killed is left to itself, because nobody can wait for its end.
    private mutating func notSent(
        _ signal: SignalNumber,
        _ id: Int,
        _ why: String,
        _ outputs: inout [Output]
    ) {
        guard let worker = workers[id] else { return }
        let reason = "\(signal.name) could not be sent: \(why)"
        outputs.append(.report(WorkerEvent(.unreachable, worker.process, reason)))
        guard signal == .kill else { return }
        workers[id] = nil
        if isStopping, failure == nil {
            failure = "worker \(worker.process ?? 0) is left behind: \(reason)"
        }
        replace(id, worker, reason, &outputs)
    }
}
