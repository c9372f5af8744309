internal import SocketSystem
internal import TestKit
import Testing

@testable import SocketService

/// What a supervisor decides, without a process.
@Suite(.endsHangs)
struct SupervisionTests {
    private static func rules(
        count: Int,
        readyWithin: Duration? = .seconds(10),
        failedStarts: Int = 2
    ) -> Supervision.Rules {
        Supervision.Rules(
            count: count,
            readyWithin: readyWithin,
            drain: .seconds(10),
            minimumLifetime: .seconds(1),
            backOff: .milliseconds(100),
            longestBackOff: .milliseconds(300),
            failedStarts: failedStarts
        )
    }

    // One slot and three processes of it; two slots, one further process; workers that say nothing.
    @Test(
        "no order of events leaves a worker missing, too many, lost or forgotten",
        arguments: [
            (1, Duration.seconds(10) as Duration?, 3), (2, .seconds(10), 2), (1, nil, 3),
        ]
    )
    func everyOrderOfEvents(count: Int, readyWithin: Duration?, starts: Int) async {
        // Seconds of computing: not on the few threads that other tests share.
        let (fault, states) = await onThread {
            firstFault(count: count, readyWithin: readyWithin, starts: starts)
        }
        #expect(fault == nil)
        #expect(states > 100)
    }

    /// Walks through all worlds that can be reached: what is wrong with one, and how many there
    /// are.
    private func firstFault(
        count: Int,
        readyWithin: Duration?,
        starts: Int
    ) -> (fault: String?, states: Int) {
        var seen: Set<SupervisionWorld> = [
            SupervisionWorld(Self.rules(count: count, readyWithin: readyWithin))
        ]
        var rest = Array(seen)
        while let world = rest.popLast() {
            if let fault = world.faults(count: count) { return ("\(fault): \(world)", seen.count) }
            for course in SupervisionCourse.allCases {
                // A worker serves at once if its readiness is not awaited.
                if course == .stubborn, readyWithin == nil { continue }
                if let fault = course.outcome(of: world, count: count) {
                    return ("\(fault): \(count) \(course) \(world)", seen.count)
                }
            }
            for input in inputs(of: world, starts: starts) {
                var next = world
                next.take(input)
                if seen.insert(next).inserted { rest.append(next) }
            }
        }
        return (nil, seen.count)
    }

    @Test("nor does a long history")
    func longHistories() throws {
        for seed in UInt64(1)...60 {
            var random = SeededGenerator(seed: seed)
            let count = Int.random(in: 1...4, using: &random)
            var world = SupervisionWorld(Self.rules(count: count, failedStarts: 4))
            for _ in 0..<100 {
                guard let input = inputs(of: world, starts: .max).randomElement(using: &random)
                else { break }
                // It would be over soon otherwise.
                if input == .stop, Int.random(in: 0..<20, using: &random) != 0 { continue }
                world.take(input)
                let fault = world.faults(count: count)
                try #require(fault == nil, "\(seed): \(world)")
            }
            for course in SupervisionCourse.allCases {
                let fault = course.outcome(of: world, count: count)
                try #require(fault == nil, "\(seed): \(course) \(world)")
            }
        }
    }

    /// What can happen next; nothing that leads further than so many processes.
    private func inputs(of world: SupervisionWorld, starts: Int) -> [Supervision.Input] {
        if world.starts > starts || world.supervision.isOver { return [] }
        var inputs = world.possible
        if world.replacements < 2 || starts == .max { inputs.append(.replaceAll) }
        if !world.isStopped { inputs.append(.stop) }
        if world.isStopped, starts == .max { inputs.append(.hurry) }
        return inputs
    }

    /// Takes inputs in, one after the other, of a world whose workers have all been started.
    private func world(
        count: Int,
        failedStarts: Int = 5,
        ready: Bool = true,
        _ inputs: Supervision.Input...
    ) -> SupervisionWorld {
        var world = SupervisionWorld(Self.rules(count: count, failedStarts: failedStarts))
        for worker in 0..<count {
            world.take(.started(worker: worker, process: CInt(worker)))
            if ready { world.take(.ready(worker: worker)) }
        }
        for input in inputs { world.take(input) }
        return world
    }

    @Test("a slot that fails again and again does not end the service that another keeps up")
    func limpingServiceGoesOn() {
        var world = world(count: 2, .due(.proven(worker: 0)))
        var worker = 1
        for _ in 0..<50 {
            world.take(.ended(worker: worker, .exited(1)))
            #expect(world.launching.isEmpty, "not at once")
            world.take(.due(.start(slot: 1)))
            worker = world.launching.first ?? -1
            world.take(.started(worker: worker, process: 9))
        }
        #expect(world.supervision.failure == nil)
        #expect(world.running.keys.sorted() == [0, worker])
    }

    @Test("workers that crash at start on every slot are given up, with the reason")
    func givesUpWhenEverySlotFails() {
        var world = world(count: 3, failedStarts: 2, ready: false)
        for _ in 0..<2 {
            for worker in world.running.keys.sorted() {
                world.take(.ended(worker: worker, .exited(3)))
            }
            for slot in 0..<3 where world.alarms.contains(.start(slot: slot)) {
                world.take(.due(.start(slot: slot)))
                for worker in world.launching {
                    world.take(.started(worker: worker, process: 9))
                }
            }
        }
        let reason = "6 workers in a row failed to start; of the last: exit status 3"
        #expect(world.supervision.failure == reason)
        #expect(world.supervision.isOver && world.hasClosedSockets && world.news == .stopping)
    }

    @Test("the pause before a start doubles up to the longest; a proven worker starts it anew")
    func backOffDoubles() {
        var supervision = Supervision(Self.rules(count: 1, failedStarts: 100))
        var worker = 0
        func pause(after input: Supervision.Input) -> Duration? {
            for case .wake(.start, let pause) in supervision.handle(input) { return pause }
            return nil
        }
        _ = supervision.handle(.begin)
        for expected in [100, 200, 300, 300] {
            _ = supervision.handle(.started(worker: worker, process: 7))
            let pause = pause(after: .ended(worker: worker, .exited(1)))
            #expect(pause == .milliseconds(expected))
            _ = supervision.handle(.due(.start(slot: 0)))
            worker += 1
        }
        _ = supervision.handle(.started(worker: worker, process: 7))
        _ = supervision.handle(.ready(worker: worker))
        _ = supervision.handle(.due(.proven(worker: worker)))
        #expect(supervision.handle(.ended(worker: worker, .exited(0))).contains(.start(worker: 5)))
    }

    @Test("replacing goes on if a successor ends while its predecessor leaves")
    func successorCrashes() {
        var world = world(
            count: 2,
            .replaceAll,
            .started(worker: 2, process: 2),
            .ready(worker: 2),
            .ended(worker: 2, .exited(1)),
            .ended(worker: 0, .exited(0))
        )
        #expect(world.launching == [3], "the second slot is being renewed")
        world.take(.started(worker: 3, process: 3))
        world.take(.ready(worker: 3))
        #expect(world.running[1]?.isAskedToLeave == true)
        world.take(.ended(worker: 1, .exited(0)))
        #expect(world.news == .ready)
    }

    @Test("a successor that fails leaves the old workers alone, and can be tried again")
    func failedReplacement() {
        var world = world(
            count: 2,
            .replaceAll,
            .started(worker: 2, process: 2),
            .ended(worker: 2, .exited(9))
        )
        #expect(world.running.values.allSatisfy { !$0.isAskedToLeave } && world.launching.isEmpty)
        #expect(world.news == .ready)
        world.take(.replaceAll)
        #expect(world.launching == [3] && world.news == .reloading)
    }

    @Test("asked a second time, workers get another SIGTERM; the third time they are killed")
    func askedAgain() {
        var world = world(count: 2, .stop, .ended(worker: 1, .exited(0)))
        var supervision = world.supervision
        let again = WorkerEvent(.leaving, 0, "at once")
        #expect(supervision.handle(.hurry) == [.send(.terminate, worker: 0, again)])
        let killed = WorkerEvent(.killed, 0, "it was asked three times")
        #expect(supervision.handle(.hurry) == [.send(.kill, worker: 0, killed)])
        // The first request may be this one.
        world = self.world(count: 1, .hurry)
        #expect(world.running[0]?.isAskedToLeave == true)
    }

    @Test("a worker that cannot be killed is left behind, and the error names it and the reason")
    func unkillableWorker() {
        var world = world(count: 2, .stop, .ended(worker: 1, .exited(0)))
        world.take(.notSent(.terminate, worker: 0, "no"))
        #expect(!world.supervision.isOver)
        world.take(.due(.gone(worker: 0)))
        world.take(.notSent(.kill, worker: 0, "no"))
        #expect(world.supervision.isOver)
        let reason = "worker 0 is left behind: SIGKILL could not be sent: no"
        #expect(world.supervision.failure == reason)
        // One that is not needed any more is no reason to end.
        world = self.world(count: 1, ready: false, .due(.ready(worker: 0)))
        world.take(.notSent(.kill, worker: 0, "no"))
        #expect(world.supervision.failure == nil && world.alarms.contains(.start(slot: 0)))
    }

    @Test("the reason why a worker was killed is told, and who was not heard")
    func reasonOfKill() {
        var supervision = Supervision(Self.rules(count: 1))
        for input: Supervision.Input in [
            .begin, .started(worker: 0, process: 7), .unheard(worker: 0, from: 8),
            .due(.ready(worker: 0)),
        ] {
            _ = supervision.handle(input)
        }
        let unheard = Supervision.unheard(8)
        #expect(unheard.contains("process 8 said READY=1"))
        let ended = WorkerEvent(
            .ended,
            7,
            "killed by SIGKILL: it was not ready in time; \(unheard)"
        )
        #expect(supervision.handle(.ended(worker: 0, .killed(.kill))).contains(.report(ended)))
    }

    @Test("a worker that is started while all is stopped is asked to leave at once")
    func stopWhileStarting() {
        var world = SupervisionWorld(Self.rules(count: 1))
        world.take(.stop)
        #expect(!world.supervision.isOver)
        world.take(.started(worker: 0, process: 7))
        #expect(world.running[0]?.isAskedToLeave == true)
        world.take(.due(.gone(worker: 0)))
        #expect(world.running[0]?.isKilled == true)
        world.take(.ended(worker: 0, .killed(.kill)))
        #expect(world.supervision.isOver && world.supervision.failure == nil)
    }

    @Test("the pause before another start doubles up to its limit, however long both are")
    func pauseHasALimit() {
        var rules = Self.rules(count: 1)
        let first = (1...4).map { rules.pause(afterFailures: $0) }
        #expect(first == [100, 200, 300, 300].map { .milliseconds($0) })
        #expect(rules.pause(afterFailures: .max) == .milliseconds(300))
        rules.longestBackOff = .seconds(Int64.max)
        #expect(rules.pause(afterFailures: 3) == .milliseconds(400))
        #expect(rules.pause(afterFailures: .max) == rules.longestBackOff)
        rules.backOff = .seconds(Int64.max)
        for failures in [1, 2, 3, 1000] {
            #expect(rules.pause(afterFailures: failures) == rules.longestBackOff)
        }
        rules.backOff = .zero
        #expect(rules.pause(afterFailures: .max) == .zero)
    }
}
