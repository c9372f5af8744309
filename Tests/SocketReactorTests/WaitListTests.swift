import SocketSystem
import Synchronization
import TestKit
import Testing

@testable import SocketReactor

@Suite(.fewAtOnce, .endsHangs)
struct WaitListTests {
    @Test("A condition that holds already is not waited for")
    func holdsAlready() async throws {
        let list = WaitList(3)
        #expect(try await list.park { $0 == 3 ? "three" : nil } == "three")
    }

    @Test("Waiters leave in the order in which they came, as far as there is something for them")
    func firstComeFirstServed() async throws {
        let places = WaitList(0)
        let order = WaitList([Int]())
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<5 {
                tasks.addTask {
                    try await places.park { places -> Void? in
                        guard places > 0 else { return nil }
                        places -= 1
                        return ()
                    }
                    order.unpark { $0.append(number) }
                }
                #expect(await eventually { places.count == number + 1 })
            }
            for number in 0..<5 {
                places.unpark { $0 += 1 }
                try await order.park { $0.count > number ? () : nil }
            }
            try await tasks.waitForAll()
        }
        #expect(order.unpark { $0 } == [0, 1, 2, 3, 4])
    }

    @Test("A newcomer does not take what one before it waits for")
    func noOvertaking() async throws {
        let list = WaitList(0)
        let first = Task { try await list.park { $0 == 2 ? "first" : nil } }
        #expect(await eventually { list.count == 1 })
        let second = Task {
            try await list.park { value -> String? in
                guard value == 2 else { return nil }
                value = 0
                return "second"
            }
        }
        #expect(await eventually { list.count == 2 })
        list.unpark { $0 = 2 }
        #expect(try await first.value == "first")
        #expect(try await second.value == "second")
    }

    @Test("A cancelled waiter leaves, and takes nothing; one cancelled before does not wait")
    func cancellation() async throws {
        let list = WaitList(0)
        let task = Task {
            try await list.park { value -> Void? in
                guard value > 0 else { return nil }
                value = 0
                return ()
            }
        }
        #expect(await eventually { list.count == 1 })
        task.cancel()
        await #expect(throws: OperationFailure.cancelled) { try await task.value }
        list.unpark { $0 = 1 }
        #expect(list.unpark { $0 } == 1)
        let late = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            return try await list.park { $0 }
        }
        await #expect(throws: OperationFailure.cancelled) { try await late.value }
        await list.parkUncancelled { $0 == 1 }
    }

    @Test("Each waiter is resumed once, however cancellation, deadlines and changes meet")
    func storm() async throws {
        let group = try LoopGroup(loops: 2)
        let list = WaitList(0)
        let emptied = Atomic<Int>(0)
        let watched = WaitList(0) { emptied.add(1, ordering: .relaxed) }
        let taken = await withTaskGroup(of: Int.self) { tasks in
            for number in 0..<2000 {
                tasks.addTask {
                    let moment = MonotonicTime.now.advanced(by: .microseconds(number % 50 * 20))
                    let deadline = Deadline(moment, keeper: group.loops[number % 2])
                    let task = Task {
                        try await list.park(deadline: number % 3 == 0 ? deadline : nil) {
                            value -> Int? in
                            guard value > 0 else { return nil }
                            value -= 1
                            return 1
                        }
                    }
                    if number % 2 == 0 { task.cancel() } else { list.unpark { $0 += 1 } }
                    return (try? await task.value) ?? 0
                }
            }
            return await tasks.reduce(0, +)
        }
        #expect(taken + list.unpark { $0 } == 1000)
        #expect(list.count == 0)
        watched.unpark { $0 = 1 }
        #expect(emptied.load(ordering: .relaxed) == 1)
        await group.shutdown()
    }

    @Test("A deadline ends a wait, and a loop that ends lets its sleepers go")
    func timers() async throws {
        let group = try LoopGroup(loops: 1)
        let loop = group.loops[0]
        let list = WaitList(0)
        let deadline = Deadline(MonotonicTime.now.advanced(by: .milliseconds(5)), keeper: loop)
        await #expect(throws: OperationFailure.timedOut) {
            try await list.park(deadline: deadline) { $0 > 0 ? () : nil }
        }
        #expect(try await loop.sleep(until: MonotonicTime.now.advanced(by: .milliseconds(1))))
        let sleeper = Task { try await loop.sleep(until: .never) }
        #expect(await eventually { loop.sleepers.count == 1 })
        await group.shutdown()
        #expect(try await sleeper.value == false)
        #expect(try await loop.sleep(until: .never) == false)
    }
}
