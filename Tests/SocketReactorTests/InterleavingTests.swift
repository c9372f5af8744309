import TestKit
import Testing

@testable import SocketReactor

/// Every interleaving of what tasks, the kernel and closers do to one direction of a socket.
@Suite("Every interleaving")
struct InterleavingTests {
    typealias Plan = SocketWorld.Plan

    static let plans: [SocketWorld.Plan] = {
        let reader = SocketWorld.Plan.Task(isCancellable: true)
        var steady = reader
        steady.operations = 3
        let writer = SocketWorld.Plan.Task(
            name: "writer",
            contention: .standsInLine,
            isCancellable: true
        )
        var acceptor = writer
        acceptor.name = "acceptor"
        acceptor.takes = .one
        var hurried = reader
        hurried.name = "hurried reader"
        hurried.hasDeadline = true
        var again = hurried
        again.isCancellable = false
        again.operations = 2
        var hurriedWriter = writer
        hurriedWriter.name = "hurried writer"
        hurriedWriter.isCancellable = false
        hurriedWriter.hasDeadline = true
        var owner = steady
        owner.name = "owner"
        owner.isOwner = true
        var receiver = writer
        receiver.name = "receiver"
        receiver.takes = .stock
        receiver.operations = 3
        return [
            Plan(tasks: [receiver], arrivals: 3, closes: 1, drains: 1),
            Plan(tasks: [receiver], arrivals: 3, levelTriggered: true),
            Plan(tasks: [receiver, receiver], arrivals: 3),
            Plan(tasks: [receiver, writer], arrivals: 3, closes: 1),
            Plan(tasks: [owner], arrivals: 3, closes: 1, drains: 1),
            Plan(tasks: [owner], arrivals: 2, closes: 2, detaches: 1, uses: 1),
            Plan(tasks: [owner], arrivals: 3, closes: 1, levelTriggered: true),
            Plan(tasks: [owner, writer], arrivals: 2, closes: 1),
            Plan(tasks: [owner, reader], arrivals: 2, closes: 1, drains: 1),
            Plan(tasks: [hurried], arrivals: 2, closes: 1, drains: 1),
            Plan(tasks: [again], arrivals: 2, closes: 1, drains: 1),
            Plan(tasks: [again], arrivals: 2, closes: 1, levelTriggered: true),
            Plan(tasks: [hurriedWriter, writer], arrivals: 2, closes: 1),
            Plan(tasks: [hurriedWriter, hurriedWriter], arrivals: 1, closes: 1),
            Plan(tasks: [reader], arrivals: 1, closes: 2, detaches: 1, uses: 2),
            Plan(tasks: [reader], arrivals: 2, closes: 2, drains: 1),
            Plan(tasks: [steady], arrivals: 3, closes: 1, drains: 1),
            Plan(tasks: [steady], arrivals: 3, closes: 1, levelTriggered: true),
            Plan(tasks: [reader, reader], arrivals: 2, closes: 1, drains: 1),
            Plan(tasks: [reader, steady], arrivals: 2, closes: 1, detaches: 1),
            Plan(tasks: [writer, writer], arrivals: 2, closes: 1, drains: 1),
            Plan(
                tasks: [writer, writer],
                arrivals: 1,
                closes: 2,
                detaches: 1,
                levelTriggered: true
            ),
            Plan(tasks: [acceptor, acceptor], arrivals: 2, closes: 1, levelTriggered: true),
            Plan(tasks: [acceptor, acceptor], arrivals: 3),
            Plan(tasks: [writer, acceptor, acceptor], arrivals: 2),
            Plan(tasks: [acceptor, acceptor, acceptor], arrivals: 1, closes: 1),
        ]
    }()

    @Test(
        "ends with each waiter resumed once and the descriptor closed once",
        .serialized,
        .endsHangs,
        arguments: plans
    )
    func everyWaiterIsResumedOnce(_ plan: SocketWorld.Plan) async {
        // Seconds of computing: not on the few threads that other tests share.
        let (failure, quietWorlds) = await onThread {
            var search = Search()
            search.visit(SocketWorld(plan))
            return (search.failure, search.quietWorlds)
        }
        #expect(failure == nil)
        #expect(quietWorlds > 0)
    }
}

/// Walks through all worlds that can be reached, each once.
private struct Search {
    var seen: Set<SocketWorld> = []
    var path: [() -> String] = []
    var quietWorlds = 0
    /// What was violated, and the steps that led there.
    var failure: String?

    mutating func visit(_ world: SocketWorld) {
        guard failure == nil, seen.insert(world).inserted else { return }
        do {
            let steps = try world.steps()
            if steps.allSatisfy(\.isOptional) {
                try world.checkQuiet()
                quietWorlds += 1
            }
            for step in steps {
                path.append(step.name)
                visit(step.world)
                path.removeLast()
            }
        } catch {
            failure = "\(error) after:\n" + path.map { $0() }.joined(separator: "\n")
        }
    }
}
