import SocketReactor
import SocketSystem
import TestKit
import Testing

@Suite("The timer heap")
struct TimerHeapTests {
    @Test("does what a sorted array does, in a thousand random programs")
    func agreesWithSortedArray() {
        let seeds = SeededGenerator()
        var outer = seeds
        for _ in 0..<1000 {
            let seed = outer.next()
            guard agrees(seed: seed) else {
                Issue.record("seed \(seed) (ASYNCSOCKETS_SEED=\(seeds.seed))")
                return
            }
        }
    }

    @Test("lets entries of one moment out in the order of their insertion")
    func equalDeadlinesKeepOrder() {
        var heap = TimerHeap<Int>()
        let moment = MonotonicTime(nanoseconds: 5)
        for number in 0..<100 { _ = heap.insert(number, at: moment) }
        var out: [Int] = []
        while let number = heap.popDue(at: moment) { out.append(number) }
        #expect(out == Array(0..<100))
    }

    @Test("keeps what is not due, and `never` until the end of time")
    func notDueStays() {
        var heap = TimerHeap<String>()
        _ = heap.insert("never", at: .never)
        _ = heap.insert("soon", at: MonotonicTime(nanoseconds: 10))
        check(heap.nextDeadline == MonotonicTime(nanoseconds: 10))
        check(heap.popDue(at: MonotonicTime(nanoseconds: 9)) == nil)
        check(heap.popDue(at: MonotonicTime(nanoseconds: 10)) == "soon")
        check(heap.popDue(at: MonotonicTime(nanoseconds: .max - 1)) == nil)
        check(heap.popDue(at: .never) == "never")
        check(heap.nextDeadline == .never)
    }

    @Test("does not let an old token remove its slot's next entry")
    func staleToken() {
        var heap = TimerHeap<String>()
        let first = heap.insert("first", at: MonotonicTime(nanoseconds: 1))
        check(heap.remove(first) == "first")
        let second = heap.insert("second", at: MonotonicTime(nanoseconds: 1))
        check(heap.remove(first) == nil)
        check(heap.count == 1)
        check(heap.remove(second) == "second")
        check(heap.remove(second) == nil)
    }

    /// One random program, run against the heap and against an array kept in order.
    private func agrees(seed: UInt64) -> Bool {
        struct Entry: Equatable {
            let deadline: Int64
            let payload: Int
        }
        var random = SeededGenerator(seed: seed)
        var heap = TimerHeap<Int>()
        var model: [Entry] = []
        var tokens: [(payload: Int, token: TimerHeap<Int>.Token)] = []
        for payload in 0..<200 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let deadline = Int64.random(in: 0..<50, using: &random)
                let token = heap.insert(payload, at: MonotonicTime(nanoseconds: deadline))
                tokens.append((payload, token))
                let place = model.firstIndex { $0.deadline > deadline } ?? model.count
                model.insert(Entry(deadline: deadline, payload: payload), at: place)
            case 5..<8:
                // Any token ever given, so many of them are stale.
                guard let pick = tokens.randomElement(using: &random) else { continue }
                let place = model.firstIndex { $0.payload == pick.payload }
                let expected = place.map { model.remove(at: $0).payload }
                if heap.remove(pick.token) != expected { return false }
            default:
                let now = Int64.random(in: 0..<50, using: &random)
                let isDue = model.first.map { $0.deadline <= now } ?? false
                let expected = isDue ? model.removeFirst().payload : nil
                if heap.popDue(at: MonotonicTime(nanoseconds: now)) != expected { return false }
            }
            let next = model.first.map { MonotonicTime(nanoseconds: $0.deadline) } ?? .never
            if heap.count != model.count || heap.nextDeadline != next { return false }
        }
        return true
    }
}
