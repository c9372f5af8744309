import AsyncSockets
import Glibc
internal import SocketSystem
internal import TestKit
import Testing

/// Real-time signals, one per test: tests run side by side in one process.
private func send(_ signal: Signal, times: Int = 1) throws {
    for _ in 0..<times {
        try sendSignal(SignalNumber(rawValue: signal.number), to: currentProcess)
    }
}

/// Whether the default action is to be taken on a signal, sigaction(2).
private func hasDefaultAction(_ number: CInt) -> Bool {
    var action = sigaction()
    // SAFETY: the call writes to a local; SIG_DFL is the null pointer.
    guard unsafe sigaction(number, nil, &action) == 0 else { return false }
    return unsafe action.__sigaction_handler.sa_handler == nil
}

@Suite(.fewAtOnce, .endsHangs)
struct SignalTests {
    @Test("every observer sees each signal")
    func everyObserver() async throws {
        let signal = try #require(Signal(number: 40))
        let first = Signal.notifications(of: signal)
        let second = Signal.notifications(of: signal)
        for _ in 0..<3 {
            try send(signal)
            for observer in [first, second] {
                var iterator = observer.makeAsyncIterator()
                #expect(await iterator.next(isolation: nil) == signal)
            }
        }
    }

    /// ThreadSanitizer keeps one signal of a number for a thread that runs, and drops the others.
    @Test(
        "signals that come faster than they are taken are counted",
        .enabled(if: ThreadSanitizer.isOff)
    )
    func signalsAreCounted() async throws {
        let signal = try #require(Signal(number: 46))
        let notifications = Signal.notifications(of: signal)
        try send(signal, times: 100)
        var iterator = notifications.makeAsyncIterator()
        for _ in 0..<100 { #expect(await iterator.next(isolation: nil) == signal) }
    }

    @Test("a waiting task is woken, and a loop ends when its task is cancelled")
    func waiterIsWoken() async throws {
        let signal = try #require(Signal(number: 41))
        let notifications = Signal.notifications(of: signal)
        let task = Task {
            var count = 0
            for await seen in notifications {
                #expect(seen == signal)
                count += 1
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            }
            return count
        }
        try send(signal)
        #expect(await task.value == 1)
    }

    @Test("the earlier action comes back when the last observer ends")
    func actionComesBack() async throws {
        let signal = try #require(Signal(number: 42))
        #expect(hasDefaultAction(42))
        do {
            let one = Signal.notifications(of: signal)
            do {
                let other = Signal.notifications(of: signal)
                withExtendedLifetime(other) {}
            }
            #expect(!hasDefaultAction(42))
            withExtendedLifetime(one) {}
        }
        #expect(hasDefaultAction(42))
    }

    @Test("of different signals the first to come is the first to be taken")
    func signalsKeepTheirOrder() async throws {
        let early = try #require(Signal(number: 43))
        let late = try #require(Signal(number: 44))
        let notifications = Signal.notifications(of: early, late)
        var iterator = notifications.makeAsyncIterator()
        for _ in 0..<20 {
            try send(early)
            #expect(await iterator.next(isolation: nil) == early)
            try send(late)
            #expect(await iterator.next(isolation: nil) == late)
        }
    }

    @Test("a signal that every other thread blocks arrives")
    func blockedElsewhere() async throws {
        // The loops' threads block all signals: a task on them waits for one that is sent to the
        // process while the dispatcher is the only thread that must take it.
        let signal = try #require(Signal(number: 45))
        await withEventLoops {
            let notifications = Signal.notifications(of: signal)
            try? send(signal)
            for await seen in notifications {
                #expect(seen == signal)
                break
            }
        }
    }

    @Test("what nohup or a shell's & had ignored stays ignored")
    func ignoredSignalsStayIgnored() async {
        await #expect(processExitsWith: .success) {
            _ = signal(SIGHUP, SIG_IGN)
            _ = signal(SIGUSR1, SIG_IGN)
            let notifications = Signal.notifications(of: .hangup, .user1)
            try send(.hangup)
            // Only this one was ignored by the program itself.
            try send(.user1)
            var iterator = notifications.makeAsyncIterator()
            #expect(await iterator.next(isolation: nil) == .user1)
        }
        await #expect(processExitsWith: .signal(SIGTERM)) {
            _ = signal(SIGINT, SIG_IGN)
            do { _ = Signal.notifications(of: .interrupt) }
            try send(.interrupt)
            try send(.terminate)
        }
    }

    @Test("a signal that repeats another at once is the same request")
    func repeatedRequests() {
        func moment(_ milliseconds: Int64) -> MonotonicTime {
            MonotonicTime(nanoseconds: milliseconds * 1_000_000)
        }
        var requests = RepeatedRequest()
        #expect(requests.isFirst)
        let taken = [0, 1, 99, 198, 298, 1000].map { requests.isAnother(at: moment($0)) }
        #expect(taken == [true, false, false, false, true, true])
        #expect(!requests.isFirst)
    }

    @Test("faults and signals that no program can handle cannot be observed")
    func notObservable() {
        for number: CInt in [0, -1, 9, 19, 11, 7, 4, 8, 32, 33, 65, 1000] {
            #expect(Signal(number: number) == nil)
        }
        #expect(Signal(number: 15) == .terminate)
        #expect("\(Signal.terminate)" == "SIGTERM")
        #expect(Signal(number: 40).map { "\($0)" } == "signal 40")
    }
}
