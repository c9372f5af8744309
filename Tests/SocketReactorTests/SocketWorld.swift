@testable import SocketReactor

/// The reading direction of a socket, a kernel and some tasks, as a value: each `step` is something
/// that one thread does at once, so the set of all paths is the set of all interleavings.
///
/// It carries out the actions of `RegistrationState`, as the driver does: what a task does next is
/// what the last step's actions say.
struct SocketWorld: Hashable {
    /// What a world begins with.
    struct Plan: Sendable, CustomStringConvertible {
        var tasks: [Task]
        /// How often something arrives.
        var arrivals = 1
        /// How often somebody calls `close()`, from threads of their own.
        var closes = 0
        var drains = 0
        var detaches = 0
        var uses = 0
        /// Whether the poller repeats what is so, until an event that finds nobody waiting.
        var levelTriggered = false
        var description: String {
            "\(tasks.map { "\($0.name)" }) arrivals \(arrivals) closes \(closes) drains \(drains) "
                + "detaches \(detaches) uses \(uses)" + (levelTriggered ? " level-triggered" : "")
        }

        struct Task: Sendable, Hashable {
            var name: StaticString = "reader"
            var contention = Operation.Contention.fails
            var takes = Takes.all
            /// Whether somebody may cancel it.
            var isCancellable = false
            /// Whether it has a deadline that may pass.
            var hasDeadline = false
            /// Whether it owns the socket: one handler speaks for all of its waits.
            var isOwner = false
            /// How many operations it does, one after the other.
            var operations = 1

            // The worlds of one search differ in nothing else.

            static func == (left: Task, right: Task) -> Bool { left.operations == right.operations }
            func hash(into hasher: inout Hasher) { hasher.combine(operations) }
        }

        enum Takes { case one, all, stock }
    }

    enum Phase: Hashable {
        /// Between two operations.
        case begins
        /// Does what actions say: one of those that an operation's beginning returns.
        case does(Actions)
        case checksCancellation(then: Actions), calls, failsOrParks, parks, looks, isSuspended,
            woke(Actions)
        case isInLine, leftLine(Actions), wasLetGo(Result)
        case ends(leaving: Remainder, Result), finishes(Actions, Result)
        case done(Result)
    }

    enum Result: Hashable { case value, cancelled, closed, busy, timedOut }

    struct Task: Hashable {
        var plan: Plan.Task
        var phase = Phase.begins
        var isCancelled = false
        /// The deadline has passed.
        var hasExpired = false
        /// Since then the call was tried.
        var isLastTry = false
        /// What will interrupt its wait: set up before it parks, taken back after.
        var isGuarded = false
        /// The canceller, or the timer, is about to interrupt.
        var interruptions = 0
        /// It was resumed before it had looked around, and suspended.
        var resumedEarly: Actions?
    }

    enum Closer: Hashable { case idle, marked, forgotten, emptiedLine, done }

    /// What is tested.
    var state = RegistrationState()
    var tasks: [Task]
    var line: [Int] = []
    var closers: [Closer]
    /// What has arrived and nobody took.
    var items = 0
    /// What was taken and not handed out.
    var stock = 0
    /// The kernel has an edge that the loop has not seen.
    var hasEdge = false
    /// What the poller watches, in this direction.
    var isWatched: Bool
    var arrivals: Int
    var drains: Int
    var detaches: Int
    var levelTriggered: Bool
    /// Calls outside the locks, such as getsockname(2): how many may begin, how many are inside.
    var uses: Int
    var usesInside = 0
    /// No task was told an end without a reason.
    var tellsTruth = true
    /// How often the descriptor was closed or given away.
    var gone = 0

    init(_ plan: Plan) {
        tasks = plan.tasks.map { Task(plan: $0) }
        closers = Array(repeating: .idle, count: plan.closes)
        arrivals = plan.arrivals
        drains = plan.drains
        detaches = plan.detaches
        uses = plan.uses
        levelTriggered = plan.levelTriggered
        isWatched = !plan.levelTriggered
        if isWatched { state[.read].arm() }
    }

    /// A rule that was broken.
    struct Violation: Error { let text: String }

    static func require(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        if !condition { throw Violation(text: text()) }
    }
}

// MARK: - Carrying out actions

extension SocketWorld {
    private static let handled: Actions = [.resumeReader, .unpark, .closeDescriptor, .watch]

    /// Does what a step asks of whoever made it, but what only the operation itself can do.
    mutating func carryOut(_ actions: Actions, resuming outcome: Actions) throws {
        try Self.require(actions.isSubset(of: Self.handled), "nobody carries out \(actions)")
        if actions.has(.resumeReader) { try resumeWaiter(outcome) }
        if actions.has(.watch) { watch() }
        if actions.has(.unpark) { try unparkLine() }
        if actions.has(.closeDescriptor) { try descriptorGoes() }
    }

    private mutating func resumeWaiter(_ outcome: Actions) throws {
        let waiters = tasks.indices.filter {
            tasks[$0].phase == .isSuspended || tasks[$0].phase == .looks
        }
        try Self.require(waiters.count == 1, "\(waiters.count) waiters when one was resumed")
        let waiter = waiters[0]
        guard tasks[waiter].phase == .looks else {
            tasks[waiter].phase = .woke(outcome)
            return
        }
        try Self.require(tasks[waiter].resumedEarly == nil, "a waiter was resumed twice")
        tasks[waiter].resumedEarly = outcome
    }

    /// Tells the poller what to watch; an `update` reports readiness that is there already.
    mutating func watch() {
        isWatched = state.armed.contains(.read) && !state.isClosed
        if isWatched, items > 0 { hasEdge = true }
    }

    /// Under the line's lock: the conditions of all that wait, in order.
    mutating func unparkLine() throws {
        for waiter in line {
            let actions = state.beginInLine(.read)
            if actions == .standInLine { continue }
            line.removeAll { $0 == waiter }
            try Self.require(tasks[waiter].phase == .isInLine, "resumed outside the line")
            tasks[waiter].phase = .leftLine(actions)
        }
        if line.isEmpty { state[.read].lineIsEmpty() }
    }

    mutating func descriptorGoes() throws {
        gone += 1
        try Self.require(gone == 1, "the descriptor was closed twice")
        try Self.require(usesInside == 0, "the descriptor was closed under a call")
    }
}

// MARK: - A task

extension SocketWorld {
    /// Whether a task can make a step.
    func canStep(_ index: Int) -> Bool {
        switch tasks[index].phase {
        case .isSuspended, .isInLine, .done: false
        // To take an interruption back is to wait until it is over.
        case .woke, .wasLetGo: tasks[index].interruptions == 0 || tasks[index].plan.isOwner
        default: true
        }
    }

    mutating func step(_ index: Int) throws {
        switch tasks[index].phase {
        case .begins: tasks[index].phase = .does(state.begin(.read))
        case .does(let actions): try take(actions, index)
        case .checksCancellation(let actions):
            let isCancelled =
                tasks[index].isCancelled
                && (!tasks[index].plan.isOwner || state[.read].has(Slot.draining))
            tasks[index].phase =
                isCancelled
                ? .ends(leaving: .unknown, .cancelled) : actions == .call ? .calls : .failsOrParks
        case .calls: try call(index)
        case .failsOrParks: failOrPark(index)
        case .parks: try park(index, state.park(.read))
        case .looks: try look(index)
        case .woke(let outcome):
            tasks[index].isGuarded = false
            lookAround(index, outcome)
        case .leftLine(let actions):
            if actions == .refuse {
                finish(index, .closed)
            } else {
                lookAround(index, [])
            }
        case .wasLetGo(let result): finish(index, result)
        case .ends(let remainder, let result):
            tasks[index].phase = .finishes(state.end(.read, leaving: remainder), result)
        case .finishes(let actions, let result):
            try carryOut(actions, resuming: [])
            finish(index, result)
        case .isInLine, .isSuspended, .done: break
        }
    }

    /// What the beginning of an operation asks for.
    private mutating func take(_ actions: Actions, _ index: Int) throws {
        switch actions {
        case .call, .wait: tasks[index].phase = .checksCancellation(then: actions)
        case .refuse: finish(index, .closed)
        case .standInLine:
            if tasks[index].plan.contention == .fails { return finish(index, .busy) }
            // Under the line's lock.
            try unparkLine()
            if tasks[index].isCancelled { return finish(index, .cancelled) }
            if tasks[index].hasExpired { return finish(index, .timedOut) }
            let answer = state.beginInLine(.read)
            if answer == .standInLine {
                line.append(index)
                tasks[index].phase = .isInLine
            } else {
                tasks[index].phase = .leftLine(answer)
            }
        default: throw Violation(text: "no operation can do \(actions)")
        }
    }

    private mutating func failOrPark(_ index: Int) {
        if tasks[index].plan.isOwner { return tasks[index].phase = .parks }
        if tasks[index].hasExpired, !tasks[index].isLastTry {
            tasks[index].isLastTry = true
            tasks[index].phase = .calls
        } else if tasks[index].hasExpired {
            tasks[index].phase = .ends(leaving: .unknown, .timedOut)
        } else {
            tasks[index].isGuarded = true
            tasks[index].phase = .parks
        }
    }

    private mutating func park(_ index: Int, _ actions: Actions) throws {
        switch actions {
        case .park: tasks[index].phase = tasks[index].plan.isOwner ? .isSuspended : .looks
        case .watch:
            // Under the loop's lock.
            if state.isClosed { return tasks[index].phase = .woke(.call) }
            state[.read].arm()
            watch()
        case .call, .refuse: tasks[index].phase = .woke(actions)
        default: throw Violation(text: "no wait can do \(actions)")
        }
    }

    /// After it has parked: an interruption before that has found nobody.
    private mutating func look(_ index: Int) throws {
        if tasks[index].isCancelled || tasks[index].hasExpired {
            let actions = state.interrupt(.read)
            if actions.has(.resumeReader) {
                try Self.require(tasks[index].resumedEarly == nil, "a waiter was resumed twice")
                tasks[index].resumedEarly = []
            }
        }
        guard let outcome = tasks[index].resumedEarly.take() else {
            return tasks[index].phase = .isSuspended
        }
        tasks[index].phase = .woke(outcome)
    }

    private mutating func lookAround(_ index: Int, _ outcome: Actions) {
        if outcome == .call {
            tasks[index].phase = .calls
        } else if state.isClosed {
            tasks[index].phase = .ends(leaving: .unknown, .closed)
        } else if tasks[index].isCancelled || outcome == .refuse {
            tasks[index].phase = .ends(leaving: .unknown, .cancelled)
        } else {
            tasks[index].phase = .calls
        }
    }

    /// The system call.
    private mutating func call(_ index: Int) throws {
        try Self.require(gone == 0, "a system call on a descriptor that is gone")
        let others = tasks.indices.contains { $0 != index && tasks[$0].phase == .calls }
        try Self.require(!others, "two operations hold one lock")
        if stock > 0 {
            stock -= 1
            tasks[index].phase = .ends(leaving: stock > 0 ? .stock : .nothing, .value)
            return
        }
        if items == 0 { return tasks[index].phase = .failsOrParks }
        let takes = tasks[index].plan.takes
        let taken = takes == .one ? 1 : items
        items -= taken
        if takes == .stock { stock = taken - 1 }
        let remainder: Remainder = takes == .one ? .unknown : stock > 0 ? .stock : .nothing
        tasks[index].phase = .ends(leaving: remainder, .value)
    }

    private mutating func finish(_ index: Int, _ result: Result) {
        tellsTruth = tellsTruth && isTrue(result, for: tasks[index])
        tasks[index].plan.operations -= 1
        tasks[index].isLastTry = false
        let goesOn = result == .value && tasks[index].plan.operations > 0
        tasks[index].phase = goesOn ? .begins : .done(result)
    }

    /// Whether a task may be told what it is told.
    private func isTrue(_ result: Result, for task: Task) -> Bool {
        switch result {
        case .value: true
        case .cancelled: task.isCancelled || state[.read].has(Slot.draining)
        case .closed: state.isClosed
        case .busy: task.plan.contention == .fails && tasks.count > 1
        // What had arrived before the deadline was seen before it.
        case .timedOut: task.hasExpired
        }
    }
}
