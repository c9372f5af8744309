internal import SocketSystem
internal import TestKit

@testable import SocketService

/// A `Supervision` and a world for it: processes that run, alarms that are set, and what was told.
/// Every step that could happen next can be tried; no process, clock or socket is needed.
struct SupervisionWorld: Hashable {
    struct Child: Hashable {
        var isReady = false
        var isAskedToLeave = false
        var isKilled = false
    }

    var supervision: Supervision
    /// Processes that are to be started and of which nothing is known yet.
    var launching: Set<Int> = []
    var running: [Int: Child] = [:]
    var alarms: Set<Supervision.Alarm> = []
    /// How many processes were asked for.
    var starts = 0
    var replacements = 0
    var isStopped = false
    var hasClosedSockets = false
    /// What the service manager heard last, but for texts.
    var news: Supervision.News?
    /// What is wrong, if something is.
    var fault: String?

    init(_ rules: Supervision.Rules) {
        supervision = Supervision(rules)
        take(.begin)
    }

    /// One step: an input, and all that the supervision wants done about it.
    mutating func take(_ input: Supervision.Input) {
        switch input {
        case .started(let worker, _):
            launching.remove(worker)
            running[worker] = Child()
        case .notStarted(let worker, _): launching.remove(worker)
        case .ready(let worker): running[worker]?.isReady = true
        case .ended(let worker, _): running[worker] = nil
        case .due(let alarm): alarms.remove(alarm)
        case .replaceAll: replacements += 1
        case .stop, .hurry: isStopped = true
        case .notSent(let signal, let worker, _): if signal == .kill { running[worker] = nil }
        case .begin, .unheard: break
        }
        for output in supervision.handle(input) { perform(output) }
        // That a worker grows old in vain says nothing: it would make states that are no others.
        alarms = alarms.filter {
            guard case .proven(let worker) = $0 else { return true }
            return running[worker] != nil
        }
    }

    private mutating func perform(_ output: Supervision.Output) {
        switch output {
        case .start(let worker):
            if hasClosedSockets { fault = "a start after the end" }
            launching.insert(worker)
            starts += 1
        case .send(let signal, let worker, _):
            if launching.contains(worker) { fault = "a signal to a process that does not run" }
            if signal == .kill { running[worker]?.isKilled = true }
            if signal == .terminate { running[worker]?.isAskedToLeave = true }
        case .wake(let alarm, _):
            if !alarms.insert(alarm).inserted { fault = "\(alarm) is set twice" }
        case .closeSockets: hasClosedSockets = true
        case .tell(.status): break
        case .tell(let news): self.news = news
        case .report: break
        }
    }

    /// Everything that can happen next, except events that are not awaited.
    var possible: [Supervision.Input] {
        var inputs: [Supervision.Input] = []
        for worker in launching.sorted() {
            inputs.append(.started(worker: worker, process: 100 + CInt(worker)))
            inputs.append(.notStarted(worker: worker, "no"))
        }
        for worker in running.keys.sorted() {
            if running[worker]?.isReady == false { inputs.append(.ready(worker: worker)) }
            inputs.append(.ended(worker: worker, .exited(1)))
        }
        inputs += alarms.sorted { $0.rank < $1.rank }.map { .due($0) }
        return inputs
    }

    /// What is wrong with this state.
    func faults(count: Int) -> String? {
        if let fault { return fault }
        if launching.count + running.count > count + 1 { return "too many workers" }
        for (worker, child) in running where hasClosedSockets {
            if !child.isAskedToLeave { return "\(worker) was not asked to leave" }
            if !child.isKilled, !alarms.contains(.gone(worker: worker)) {
                return "\(worker) may stay for ever"
            }
        }
        if supervision.isOver, !(running.isEmpty && launching.isEmpty) { return "over too early" }
        return nil
    }
}

extension Supervision.Alarm {
    /// An order, the same in every run.
    fileprivate var rank: (Int, Int) {
        switch self {
        case .start(let slot): (0, slot)
        case .ready(let worker): (1, worker)
        case .proven(let worker): (2, worker)
        case .gone(let worker): (3, worker)
        }
    }
}

/// How the world goes on from a state when chance has no more part in it.
enum SupervisionCourse: CaseIterable {
    /// Everything works.
    case good
    /// Every process ends as soon as it runs.
    case crashing
    /// No process says anything or leaves when it is asked to; time passes.
    case stubborn

    private func next(
        in world: SupervisionWorld,
        _ chance: inout SeededGenerator
    ) -> Supervision.Input? {
        if let worker = world.launching.min() { return .started(worker: worker, process: 7) }
        let workers = world.running.keys.sorted()
        switch self {
        case .good:
            for worker in workers {
                guard let child = world.running[worker] else { continue }
                if child.isAskedToLeave || child.isKilled {
                    return .ended(worker: worker, .exited(0))
                }
                if !child.isReady { return .ready(worker: worker) }
            }
        case .crashing:
            if let worker = workers.first { return .ended(worker: worker, .exited(1)) }
        case .stubborn:
            for worker in workers where world.running[worker]?.isKilled == true {
                return .ended(worker: worker, .killed(.kill))
            }
        }
        // Any of them, or a slot could be passed over for ever.
        let alarms = world.alarms.sorted { $0.rank < $1.rank }
        return alarms.randomElement(using: &chance).map { .due($0) }
    }

    /// The fault of the world's final state, if there is one.
    func outcome(of start: SupervisionWorld, count: Int) -> String? {
        var world = start
        var chance = SeededGenerator(seed: 1)
        for _ in 0..<500 {
            guard let input = next(in: world, &chance) else { break }
            world.take(input)
            if let fault = world.faults(count: count) { return fault }
        }
        // As long as one worker serves, the others are tried again and again.
        let limps = world.running.values.contains { $0.isReady && !$0.isAskedToLeave }
        if next(in: world, &chance) != nil {
            return self == .stubborn && limps ? nil : "it goes on without end"
        }
        if world.isStopped || world.supervision.failure != nil {
            return world.supervision.isOver ? nil : "it does not end"
        }
        switch self {
        case .good:
            let serving = world.running.values.count { $0.isReady }
            if serving != count { return "not all serve" }
            if world.running.count != count { return "too many serve" }
            if world.news != .ready { return "the service manager believes \(world.news as Any)" }
        case .crashing: return "it was not given up"
        case .stubborn: break
        }
        return nil
    }
}
