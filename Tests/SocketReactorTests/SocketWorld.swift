@testable import SocketReactor

/// One direction of a socket, a kernel and some tasks, as a value: each `step` is something that
/// one thread does at once, so the set of all paths is the set of all interleavings.
///
/// The steps of a task follow `Operation` and `Registration` line by line; what is true to life is
/// `RegistrationState`, which decides.
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
            "\(tasks) arrivals \(arrivals) closes \(closes) drains \(drains) detaches \(detaches)"
                + (levelTriggered ? " level-triggered" : "")
        }

        struct Task: Sendable, Hashable {
            var policy = TurnPolicy.exclusive
            /// Takes one item a call, like accept(2), or all, like a read that comes back short.
            var takesOne = false
            /// Takes all there is and hands out one a call, like recvmmsg(2): the others are stock.
            var stocks = false
            /// Whether somebody may cancel it.
            var isCancellable = false
            /// How many operations it does, one after the other.
            var operations = 1
            /// Whether it has a deadline, and when a wait sets the timer for it.
            var deadline = DeadlineTimer.none
            /// Whether it owns the socket: one handler tells all its waits of its cancellation.
            var isOwner = false
        }
    }

    /// When a wait sets the timer for its task's deadline.
    enum DeadlineTimer: Hashable {
        case none
        /// Before it is known to wait: `waitByContinuation`.
        case beforehand
        /// Afterwards, still on the loop's thread, which runs no timer meanwhile: `beginWait`.
        case afterwards
    }

    enum Phase: Hashable {
        case begins, takesTurn, standsInLine, isInLine, leftLine(WaitOutcome)
        case calls, installsHandler, arms, setsTimer, waits, looks, isSuspended, woke(WaitOutcome)
        case ends(leaving: Remainder, Result), handsOn(Result), closesDescriptor(Result)
        case done(Result)
    }

    enum Result: Hashable { case value, cancelled, closed, busy, timedOut }

    struct Task: Hashable {
        var plan: Plan.Task
        var phase = Phase.begins
        var isCancelled = false
        /// The handler of `wait` is installed.
        var hasHandler = false
        /// The cancelling thread is inside the handler.
        var handlerRuns = false
        /// The timer of its wait is set.
        var hasTimer = false
        /// It is about to set the timer, suspended as it is.
        var setsTimerLate = false
        /// Its deadline has passed.
        var hasExpired = false
        /// It was woken before it had looked whether it is cancelled, and suspended.
        var wokenEarly: WaitOutcome?
    }

    enum Closer: Hashable { case idle, marked, emptiesLine, endsUse, done }

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
    var isArmed: Bool
    var arrivals: Int
    var drains: Int
    var detaches: Int
    var levelTriggered: Bool
    /// Calls outside the turns, such as getsockname(2): how many may begin, how many are inside.
    var uses: Int
    var usesInside = 0
    /// No task was told `.cancelled`, `.closed` or `.busy` without a reason.
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
        isArmed = !plan.levelTriggered
        if isArmed { state[.read].arm() }
    }

    /// A rule that was broken.
    struct Violation: Error { let text: String }

    static func require(_ condition: Bool, _ text: String) throws {
        if !condition { throw Violation(text: text) }
    }

    // MARK: - What may happen next

    /// A step that some thread could make now.
    struct Step {
        let name: String
        /// The world after it.
        let world: SocketWorld
        /// Nobody has to make it, ever: what waits only for such steps is quiet.
        let isOptional: Bool
    }

    /// Every step that some thread could make now.
    func steps() throws -> [Step] {
        var all: [Step] = []
        func add(
            _ name: String,
            isOptional: Bool = false,
            _ step: (inout SocketWorld) throws -> Void
        ) rethrows {
            var world = self
            try step(&world)
            all.append(Step(name: name, world: world, isOptional: isOptional))
        }
        for index in tasks.indices {
            if try canStep(index) {
                try add("task \(index) \(tasks[index].phase)") { try $0.step(index) }
            }
            if tasks[index].setsTimerLate {
                add("timer \(index)") { world in
                    world.tasks[index].setsTimerLate = false
                    world.tasks[index].hasTimer = true
                }
            }
            if tasks[index].plan.deadline != .none, !tasks[index].hasExpired {
                try add("deadline \(index)", isOptional: true) { try $0.expire(index) }
            } else if tasks[index].hasExpired, tasks[index].hasTimer {
                try add("ring \(index)") { try $0.ring(index) }
            }
            if tasks[index].handlerRuns {
                try add("handler \(index)") { try $0.runHandler(index) }
            } else if tasks[index].plan.isCancellable, !tasks[index].isCancelled {
                try add("cancel \(index)", isOptional: true) { try $0.cancel(index) }
            }
        }
        if arrivals > 0 { add("arrival", isOptional: true) { $0.arrive() } }
        // A level-triggered poller repeats what is so; an edge is told once.
        let reports = levelTriggered ? items > 0 || hasEdge : hasEdge
        if reports, isArmed { try add("event") { try $0.deliver() } }
        for index in closers.indices where closers[index] != .done {
            let isOptional = closers[index] == .idle
            try add("close \(index) \(closers[index])", isOptional: isOptional) {
                try $0.stepCloser(index)
            }
        }
        if drains > 0 { try add("drain", isOptional: true) { try $0.drain() } }
        if detaches > 0 { try add("detach", isOptional: true) { try $0.detach() } }
        if uses > 0 { add("use", isOptional: true) { $0.beginUse() } }
        if usesInside > 0 { try add("end of use") { try $0.endUse() } }
        return all
    }

    private func canStep(_ index: Int) throws -> Bool {
        switch tasks[index].phase {
        case .isSuspended, .isInLine, .done: false
        // Removing a handler waits until it has run.
        case .woke:
            (!tasks[index].handlerRuns || tasks[index].plan.isOwner)
                && !tasks[index].setsTimerLate
        default: true
        }
    }

    // MARK: - The kernel and the loop

    private mutating func arrive() {
        arrivals -= 1
        items += 1
        hasEdge = true
    }

    private mutating func deliver() throws {
        hasEdge = false
        // The table no longer knows a registration that was taken out.
        if gone > 0 { return }
        if state[.read].kernelReady(eager: false, repeats: levelTriggered) {
            try wakeWaiter(.ready)
        } else if levelTriggered {
            isArmed = false
        }
    }

    mutating func wakeWaiter(_ outcome: WaitOutcome) throws {
        let waiters = tasks.indices.filter {
            tasks[$0].phase == .isSuspended || tasks[$0].phase == .looks
        }
        try Self.require(waiters.count == 1, "\(waiters.count) tasks were suspended when one woke")
        let waiter = waiters[0]
        if tasks[waiter].phase == .looks {
            try Self.require(tasks[waiter].wokenEarly == nil, "a task was woken twice")
            tasks[waiter].wokenEarly = outcome
        } else {
            tasks[waiter].phase = .woke(outcome)
        }
    }

    mutating func resumeFromLine(_ index: Int, _ outcome: WaitOutcome) throws {
        try Self.require(tasks[index].phase == .isInLine, "resumed outside the line")
        tasks[index].phase = .leftLine(outcome)
    }

    // MARK: - Ends

    private mutating func cancel(_ index: Int) throws {
        tasks[index].isCancelled = true
        if tasks[index].hasHandler || tasks[index].plan.isOwner { tasks[index].handlerRuns = true }
        if let place = line.firstIndex(of: index) {
            line.remove(at: place)
            try resumeFromLine(index, .cancelled)
        }
    }

    private mutating func runHandler(_ index: Int) throws {
        tasks[index].handlerRuns = false
        let wakes = tasks[index].plan.isOwner ? state[.read].cancelOwner() : state[.read].cancel()
        if wakes { try wakeWaiter(.cancelled) }
    }

    /// The moment comes; who stands in line is let go.
    private mutating func expire(_ index: Int) throws {
        tasks[index].hasExpired = true
        if let place = line.firstIndex(of: index) {
            line.remove(at: place)
            try resumeFromLine(index, .timedOut)
        }
    }

    /// The loop rings a timer that is due.
    private mutating func ring(_ index: Int) throws {
        tasks[index].hasTimer = false
        if state[.read].expire() { try wakeWaiter(.timedOut) }
    }

    private mutating func drain() throws {
        drains -= 1
        if state[.read].drain() { try wakeWaiter(.ready) }
    }

    private mutating func detach() throws {
        detaches -= 1
        if state.detach() { try descriptorGoes() }
    }

    private mutating func beginUse() {
        uses -= 1
        if state.beginUse() { usesInside += 1 }
    }

    private mutating func endUse() throws {
        usesInside -= 1
        if state.endUse() { try descriptorGoes() }
    }

    private mutating func stepCloser(_ index: Int) throws {
        switch closers[index] {
        case .idle:
            guard let wakes = state.close() else {
                closers[index] = .done
                return
            }
            if wakes.wakeReader { try wakeWaiter(.closed) }
            try Self.require(!wakes.wakeWriter, "a writer woke where none waited")
            closers[index] = .marked
        case .marked:
            closers[index] = .emptiesLine
        case .emptiesLine:
            for waiter in line { try resumeFromLine(waiter, .closed) }
            line = []
            state[.read].queueEmptied()
            closers[index] = .endsUse
        case .endsUse:
            if state.endUse() { try descriptorGoes() }
            closers[index] = .done
        case .done: break
        }
    }

    mutating func descriptorGoes() throws {
        gone += 1
        try Self.require(gone == 1, "the descriptor was closed twice")
        try Self.require(usesInside == 0, "the descriptor was closed under a call")
    }
}
