import AsyncSockets
internal import Glibc
import SocketService
internal import SocketSystem
import TestKit
import Testing

@Suite(.fewAtOnce, .endsHangs)
struct WorkerTests {
    @Test("workers that end at start are given up clearly, and no worker is left")
    func givesUpAfterFailedStarts() async throws {
        let error = await #expect(throws: SocketError.self) {
            try await scriptWorkers("exit 3", count: 1, WorkerLog()).run()
        }
        #expect(error?.code == .processFailed)
        #expect("\(try #require(error))".contains("exit status 3"))
    }

    @Test("a program that is not there is given up too")
    func missingProgram() async throws {
        let log = WorkerLog()
        let error = await #expect(throws: SocketError.self) {
            try await scriptWorkers("", log) { $0.executable = "/nowhere/to/be/found" }.run()
        }
        #expect(error?.code == .processFailed)
        let events = await log.wait(for: .failed)
        #expect(events.last?.detail?.contains("ENOENT") == true)
    }

    @Test("cancelling asks the workers to finish")
    func cancellingDrainsWorkers() async throws {
        let (log, lines) = (WorkerLog(), try ScriptLines())
        let run = Task {
            let script = "trap 'exit 7' TERM; echo >\"$LINES\"; while :; do sleep 0.01; done"
            try await scriptWorkers(script, log, lines: lines).run()
        }
        for _ in 0..<2 { _ = try await lines.next() }
        run.cancel()
        try await run.value
        let ends = await log.wait(for: .ended, count: 2).filter { $0.kind == .ended }
        #expect(ends.allSatisfy { $0.detail == "exit status 7" }, "\(ends)")
    }

    @Test("workers finish when the time of a withTimeout around them is over")
    func deadlineDrainsWorkers() async throws {
        let log = WorkerLog()
        let error = await #expect(throws: SocketError.self) {
            try await withTimeout(.milliseconds(500)) {
                let script = "trap 'exit 7' TERM; while :; do sleep 0.01; done"
                try await scriptWorkers(script, log).run()
            }
        }
        #expect(error?.operation == .supervise)
        #expect(error?.code == .timedOut)
        let events = await log.wait(for: .ended, count: 2)
        #expect(events.count { $0.kind == .leaving } == 2)
        // SIGTERM may come before the script has said what is to be done then.
        let ends = events.filter { $0.kind == .ended }.compactMap(\.detail)
        #expect(Set(ends).isSubset(of: ["exit status 7", "killed by SIGTERM"]), "\(ends)")
    }

    @Test("a worker that does not finish in time is killed")
    func stubbornWorkerIsKilled() async throws {
        let (log, lines) = (WorkerLog(), try ScriptLines())
        let run = Task {
            let script = "trap '' TERM; echo >\"$LINES\"; while :; do sleep 0.01; done"
            try await scriptWorkers(script, count: 1, log, lines: lines) {
                $0.drain = .milliseconds(50)
            }.run()
        }
        _ = try await lines.next()
        run.cancel()
        try await run.value
        let events = await log.wait(for: .ended)
        #expect(events.last?.detail == "killed by SIGKILL: it did not finish in time")
        #expect(events.contains { $0.detail == "it did not finish in time" })
    }

    @Test("a worker that is not ready in time is killed")
    func workerNotReadyIsKilled() async throws {
        let log = WorkerLog()
        let error = await #expect(throws: SocketError.self) {
            try await scriptWorkers("exec sleep 60", count: 1, log) {
                $0.readyWithin = .milliseconds(20)
                $0.failedStarts = 2
            }.run()
        }
        #expect(error?.code == .processFailed)
        #expect(await log.wait(for: .killed, count: 2).last?.detail == "it was not ready in time")
    }

    @Test("a slot that cannot keep its worker does not end the service")
    func limpingServiceGoesOn() async throws {
        let (log, lines) = (WorkerLog(), try ScriptLines())
        // The first to make the directory lives; all others end at once.
        let script = """
            mkdir "$LINES.taken" 2>/dev/null || exit 1
            trap 'rmdir "$LINES.taken"; exit 0' TERM
            while :; do sleep 0.01; done
            """
        let run = Task {
            try await scriptWorkers(script, log, lines: lines) {
                $0.failedStarts = 2
                $0.longestBackOff = .milliseconds(1)
            }.run()
        }
        _ = await log.wait(for: .ended, count: 10)
        run.cancel()
        try await run.value
    }

    @Test("a worker killed by a signal is replaced, and replaceAll replaces every worker once")
    func workersAreReplaced() async throws {
        let (log, lines) = (WorkerLog(), try ScriptLines())
        let script = "trap 'exit 0' TERM; echo $$ >\"$LINES\"; while :; do sleep 0.01; done"
        let workers = scriptWorkers(script, log, lines: lines) { $0.minimumLifetime = .zero }
        let run = Task { try await workers.run() }
        let first = try await Set([lines.next(), lines.next()])
        workers.replaceAll()
        let second = try await Set([lines.next(), lines.next()])
        #expect(first.isDisjoint(with: second))
        let ended = await log.wait(for: .ended, count: 2).compactMap {
            $0.kind == .ended ? $0.process.map { "\($0)" } : nil
        }
        #expect(Set(ended) == first)
        try sendKill(to: second.first)
        let third = try await lines.next()
        #expect(!second.contains(third) && !first.contains(third))
        run.cancel()
        try await run.value
    }

    @Test("workers inherit descriptors, their names and their own process number")
    func workersInheritDescriptors() async throws {
        let log = WorkerLog()
        let socket = try SharedSocket.listen(at: "127.0.0.1:0", named: "echo")
        let script = """
            test "$LISTEN_PID" = $$ && test $LISTEN_FDS = 1 && test $LISTEN_FDNAMES = echo \
            && test -n "$NOTIFY_SOCKET" && test "$ASYNCSOCKETS_SUPERVISOR" = $PPID && test -e /proc/self/fd/3 && ! test -e /proc/self/fd/4 \
            && exit 42
            exit 1
            """
        let error = await #expect(throws: SocketError.self) {
            try await scriptWorkers(script, count: 1, log, sharing: [socket]) {
                $0.failedStarts = 1
            }.run()
        }
        #expect("\(try #require(error))".contains("exit status 42"))
    }

    @Test("a worker is a process group of its own, and what is ignored here is ignored there")
    func workersOwnGroup() async throws {
        let previous = signal(SIGUSR1, SIG_IGN)
        defer { _ = signal(SIGUSR1, previous) }
        let (log, lines) = (WorkerLog(), try ScriptLines())
        let script = """
            echo $$ $(cut -d' ' -f5 /proc/$$/stat) >"$LINES"
            grep SigIgn /proc/$$/status >"$LINES"; exec sleep 60
            """
        let run = Task { try await scriptWorkers(script, count: 1, log, lines: lines).run() }
        let words = try await lines.next().split(separator: " ")
        #expect(words.count == 2 && words.first == words.last)
        let ignored = UInt64(try await lines.next().split(separator: "\t").last ?? "", radix: 16)
        #expect((ignored ?? 0) & 1 << UInt64(SIGUSR1 - 1) != 0)
        run.cancel()
        try await run.value
    }

    @Test("workers that run cannot be run a second time")
    func runningTwice() async throws {
        let log = WorkerLog()
        let supervisor = scriptWorkers("exec sleep 60", count: 1, log)
        let run = Task { try await supervisor.run() }
        _ = await log.wait(for: .started)
        let error = await #expect(throws: SocketError.self) { try await supervisor.run() }
        #expect(error?.code == .busy)
        run.cancel()
        try await run.value
    }
}

/// Kills a process whose number is given as text.
private func sendKill(to process: String?) throws {
    let number = try #require(process.flatMap { CInt($0) })
    try sendSignal(.kill, to: number)
}
