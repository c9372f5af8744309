import SocketSystem
import Synchronization
import TestKit
import Testing

@testable import SocketReactor

/// Jobs that block until the test lets them go.
private final class Blocker: Sendable {
    private let gates = Synchronization.Mutex<(gates: [ThreadGate], isOpen: Bool)>(([], false))
    private let entered = AsyncStream<Void>.makeStream()

    /// Blocks the thread.
    func block() {
        let gate = gates.withLock { state -> ThreadGate? in
            if state.isOpen { return nil }
            let gate = ThreadGate()
            state.gates.append(gate)
            return gate
        }
        entered.continuation.yield()
        _ = gate?.wait(atMost: .seconds(300))
    }

    /// Waits until so many more threads are in `block`.
    func arrivals(_ count: Int) async {
        var iterator = entered.stream.makeAsyncIterator()
        for _ in 0..<count { await iterator.next() }
    }

    func release() {
        let gates = gates.withLock { state in
            state.isOpen = true
            defer { state.gates = [] }
            return state.gates
        }
        for gate in gates { gate.open() }
    }
}

private final class Counter: Sendable {
    let value = Atomic<Int>(0)
}

private func makePool(
    threads: Int = 2,
    queue: Int = 8,
    idle: Duration = .seconds(120)
) -> BlockingPool {
    BlockingPool(name: "test-pool", limits: .init(threads: threads, queue: queue, idle: idle))
}

@Suite(.fewAtOnce, .endsHangs)
struct BlockingPoolTests {
    @Test("A job's answer comes back")
    func answerComesBack() async throws {
        let pool = makePool()
        #expect(pool.threadCount == 0)
        #expect(try await pool.run { 42 } == 42)
        #expect(pool.threadCount == 1)
        // The idle thread takes the next job: no second one is started.
        for number in 0..<100 { #expect(try await pool.run { number } == number) }
        #expect(pool.threadCount == 1)
    }

    @Test("Many jobs share few threads, each runs once")
    func manyJobsShareThreads() async throws {
        let pool = makePool(threads: 3, queue: 2000)
        let runs = Counter()
        try await withThrowingTaskGroup(of: Int.self) { tasks in
            for number in 0..<1000 {
                tasks.addTask {
                    try await pool.run {
                        runs.value.add(1, ordering: .relaxed)
                        return number
                    }
                }
            }
            var sum = 0
            for try await number in tasks { sum += number }
            #expect(sum == 499_500)
        }
        #expect(runs.value.load(ordering: .relaxed) == 1000)
        #expect(pool.threadCount <= 3)
        #expect(pool.abandonedCount == 0)
    }

    @Test("Threads without work end")
    func idleThreadsEnd() async throws {
        let pool = makePool(idle: .milliseconds(10))
        for _ in 0..<20 {
            try await pool.run {}
            #expect(await eventually { pool.threadCount == 0 })
        }
    }

    @Test("Who is cancelled goes on while the job still blocks; its answer is dropped")
    func cancelRunning() async throws {
        let pool = makePool()
        let blocker = Blocker()
        let task = Task { try await pool.run { blocker.block() } }
        await blocker.arrivals(1)
        task.cancel()
        let error = await #expect(throws: BlockingPool.Failure.self) { try await task.value }
        #expect(error == .cancelled)
        #expect(pool.abandonedCount == 1)
        // Another thread goes on.
        #expect(try await pool.run { 1 } == 1)
        blocker.release()
        #expect(await eventually { pool.abandonedCount == 0 })
    }

    @Test("A job that is cancelled in the queue never runs")
    func cancelQueued() async throws {
        let pool = makePool(threads: 1)
        let blocker = Blocker()
        let first = Task { try await pool.run { blocker.block() } }
        await blocker.arrivals(1)
        let second = Task { try await pool.run { Issue.record("the job has run") } }
        second.cancel()
        await #expect(throws: BlockingPool.Failure.cancelled) { try await second.value }
        blocker.release()
        try await first.value
        #expect(try await pool.run { 1 } == 1)
    }

    @Test("A task that begins cancelled starts no job")
    func cancelledBefore() async {
        let pool = makePool()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            _ = try await pool.run { Issue.record("the job has run") }
        }
        task.cancel()
        await #expect(throws: BlockingPool.Failure.cancelled) { try await task.value }
        #expect(pool.threadCount == 0)
    }

    @Test("Where abandoned jobs hold every thread, nobody waits behind them")
    func nobodyWaitsBehindAbandonedJobs() async throws {
        let pool = makePool(threads: 2)
        let blocker = Blocker()
        let tasks = (0..<2).map { _ in Task { try await pool.run { blocker.block() } } }
        await blocker.arrivals(2)
        let queued = Task { try await pool.run {} }
        // Cancelled one by one, so that one in the queue sees the last thread go.
        for task in tasks {
            task.cancel()
            await #expect(throws: BlockingPool.Failure.cancelled) { try await task.value }
        }
        await #expect(throws: BlockingPool.Failure.exhausted(2)) { try await queued.value }
        await #expect(throws: BlockingPool.Failure.exhausted(2)) { try await pool.run {} }
        blocker.release()
        #expect(await eventually { pool.abandonedCount == 0 })
        #expect(try await pool.run { 7 } == 7)
    }

    @Test("The queue has a limit")
    func queueFull() async throws {
        let pool = makePool(threads: 1, queue: 0)
        let blocker = Blocker()
        let first = Task { try await pool.run { blocker.block() } }
        await blocker.arrivals(1)
        await #expect(throws: BlockingPool.Failure.queueFull(0)) { try await pool.run {} }
        blocker.release()
        try await first.value
    }

    @Test("A lane has few of the threads; jobs of others find one, in their order")
    func lanes() async throws {
        let pool = BlockingPool(
            name: "test-pool",
            limits: .init(threads: 3, lane: 2, queue: 8, idle: .seconds(120))
        )
        let blocker = Blocker()
        let tasks = (0..<4).map { _ in Task { try await pool.run(in: "slow") { blocker.block() } } }
        await blocker.arrivals(2)
        for number in 0..<20 {
            #expect(try await pool.run(in: "quick") { number } == number)
            #expect(try await pool.run { number } == number)
        }
        #expect(pool.threadCount == 3)
        blocker.release()
        for task in tasks { try await task.value }
    }

    @Test("When abandoned jobs hold a lane, only jobs of that lane fail")
    func exhaustedLane() async throws {
        let pool = BlockingPool(
            name: "test-pool",
            limits: .init(threads: 3, lane: 2, queue: 8, idle: .seconds(120))
        )
        let blocker = Blocker()
        let tasks = (0..<2).map { _ in Task { try await pool.run(in: "slow") { blocker.block() } } }
        await blocker.arrivals(2)
        let queued = Task { try await pool.run(in: "slow") {} }
        for task in tasks {
            task.cancel()
            await #expect(throws: BlockingPool.Failure.cancelled) { try await task.value }
        }
        await #expect(throws: BlockingPool.Failure.exhausted(2)) { try await queued.value }
        await #expect(throws: BlockingPool.Failure.exhausted(2)) {
            try await pool.run(in: "slow") {}
        }
        #expect(try await pool.run(in: "quick") { 1 } == 1)
        blocker.release()
        #expect(await eventually { pool.abandonedCount == 0 })
        #expect(try await pool.run(in: "slow") { 2 } == 2)
    }

    @Test("A lane's queue has a limit of its own")
    func laneQueue() async throws {
        let pool = BlockingPool(
            name: "test-pool",
            limits: .init(threads: 2, lane: 1, queue: 1, idle: .seconds(120))
        )
        let blocker = Blocker()
        let running = Task { try await pool.run(in: "slow") { blocker.block() } }
        await blocker.arrivals(1)
        // One of the two waits in the queue, the other finds it full.
        let two = (0..<2).map { _ in Task { try await pool.run(in: "slow") {} } }
        #expect(try await pool.run(in: "quick") { 1 } == 1)
        // Not before one of them was refused is the queue known to be full.
        let refused = await withTaskGroup(of: Bool.self) { tasks in
            for task in two {
                tasks.addTask { if case .failure = await task.result { true } else { false } }
            }
            let first = await tasks.next()
            blocker.release()
            return first
        }
        #expect(refused == true)
        try await running.value
    }

    @Test("Tasks that ask the same share a job; it is abandoned when the last one leaves")
    func sharing() async throws {
        let pool = makePool(threads: 2)
        let blocker = Blocker()
        let runs = Counter()
        func ask() -> Task<Int, any Error> {
            Task {
                try await pool.run(sharing: "question") {
                    blocker.block()
                    return runs.value.add(1, ordering: .relaxed).newValue
                }
            }
        }
        let first = ask()
        await blocker.arrivals(1)
        let others = (0..<20).map { _ in ask() }
        first.cancel()
        await #expect(throws: BlockingPool.Failure.cancelled) { try await first.value }
        // Other questions have other answers, of other types too.
        #expect(try await pool.run(sharing: "another") { "answer" } == "answer")
        #expect(try await pool.run(sharing: "question") { "answer" } == "answer")
        for task in others { task.cancel() }
        for task in others {
            await #expect(throws: BlockingPool.Failure.cancelled) { try await task.value }
        }
        #expect(pool.abandonedCount == 1)
        // It is waited for again, and is the same job still.
        let late = ask()
        #expect(await eventually { pool.abandonedCount == 0 })
        blocker.release()
        #expect(try await late.value == 1)
        #expect(pool.abandonedCount == 0)
        #expect(try await ask().value == 2)
    }

    @Test("Shared jobs and lanes, cancelled at any moment, lose no job and no thread")
    func cancelSharedRace() async throws {
        let pool = BlockingPool(
            name: "test-pool",
            limits: .init(threads: 4, lane: 2, queue: 1000, idle: .seconds(120))
        )
        await withTaskGroup { tasks in
            for index in 0..<500 {
                tasks.addTask {
                    let task = Task {
                        let lane = index % 5 == 0 ? nil : "\(index % 3)"
                        return try await pool.run(in: lane, sharing: "\(index % 7)") { index % 7 }
                    }
                    if index % 3 == 0 { await Task.yield() }
                    if index % 2 == 0 { task.cancel() }
                    if let value = try? await task.value { #expect(value == index % 7) }
                }
            }
        }
        #expect(await eventually { pool.abandonedCount == 0 })
        for lane in ["0", "1", "2", nil] {
            #expect(try await pool.run(in: lane) { 1 } == 1)
        }
    }

    @Test("Cancelling at any moment loses no job and no thread")
    func cancelRace() async throws {
        let pool = makePool(threads: 4, queue: 1000)
        await withTaskGroup { tasks in
            for index in 0..<500 {
                tasks.addTask {
                    let task = Task { _ = try await pool.run { index } }
                    if index % 3 == 0 { await Task.yield() }
                    task.cancel()
                    try? await task.value
                }
            }
        }
        #expect(await eventually { pool.abandonedCount == 0 })
        #expect(try await pool.run { 1 } == 1)
    }
}
