import AsyncSockets
import Testing

/// What happened to workers, for tasks that wait until something has.
private final class Log: Sendable {
    let stream: AsyncStream<WorkerEvent>
    private let continuation: AsyncStream<WorkerEvent>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func add(_ event: WorkerEvent) { continuation.yield(event) }

    /// Waits for so many events of a kind; all events until then.
    func wait(for kind: WorkerEvent.Kind, count: Int = 1) async -> [WorkerEvent] {
        var seen: [WorkerEvent] = []
        for await event in stream {
            seen.append(event)
            if seen.count(where: { $0.kind == kind }) == count { break }
        }
        return seen
    }
}

@Suite(.timeLimit(.minutes(1)))
struct WorkerTests {
    private func workers(
        _ script: String,
        count: Int = 2,
        _ log: Log,
        sharing sockets: [SharedSocket] = [],
        _ change: (inout WorkerOptions) -> Void = { _ in }
    ) -> WorkerProcesses {
        var options = WorkerOptions(count: count, event: { log.add($0) })
        options.executable = "/bin/sh"
        options.arguments = ["-c", script]
        options.backOff = .milliseconds(1)
        change(&options)
        return WorkerProcesses(sharing: sockets, options: options)
    }

    @Test("workers that end at start are given up clearly, and no worker is left")
    func givingUp() async throws {
        let log = Log()
        let error = await #expect(throws: SocketError.self) {
            try await workers("exit 3", count: 1, log).run()
        }
        #expect(error?.code == .limitExceeded)
        #expect("\(try #require(error))".contains("exit status 3"))
    }

    @Test("a program that is not there is given up too")
    func missingProgram() async throws {
        let log = Log()
        let error = await #expect(throws: SocketError.self) {
            try await workers("", log) { $0.executable = "/nowhere/to/be/found" }.run()
        }
        #expect(error?.code == .limitExceeded)
        let events = await log.wait(for: .failed)
        #expect(events.last?.detail?.contains("ENOENT") == true)
    }

    @Test("cancelling asks the workers to finish, and kills who does not")
    func draining() async throws {
        let polite = Log()
        let politeRun = Task {
            try await workers("trap 'exit 7' TERM; while :; do sleep 0.01; done", polite).run()
        }
        _ = await polite.wait(for: .ready, count: 2)
        politeRun.cancel()
        try await politeRun.value
        let ends = await polite.wait(for: .ended, count: 2).filter { $0.kind == .ended }
        #expect(
            ends.allSatisfy { $0.detail == "exit status 7" || $0.detail == "killed by SIGTERM" }
        )

        let stubborn = Log()
        let stubbornRun = Task {
            let script = "trap '' TERM; while :; do sleep 0.01; done"
            try await workers(script, count: 1, stubborn) { $0.drain = .milliseconds(50) }.run()
        }
        _ = await stubborn.wait(for: .ready)
        // The trap may not be set yet, in which case the worker ends at once.
        stubbornRun.cancel()
        try await stubbornRun.value
        let events = await stubborn.wait(for: .ended)
        #expect(events.last?.detail?.hasPrefix("killed by SIG") == true)
    }

    @Test("a worker that is not ready in time is killed")
    func notReady() async throws {
        let log = Log()
        let error = await #expect(throws: SocketError.self) {
            try await workers("exec sleep 60", count: 1, log) {
                $0.readyWithin = .milliseconds(20)
                $0.failedStarts = 2
            }.run()
        }
        #expect(error?.code == .limitExceeded)
        #expect(await log.wait(for: .killed, count: 2).last?.detail == "it was not ready in time")
    }

    @Test("workers inherit descriptors, their names and their own process number")
    func inheriting() async throws {
        let log = Log()
        let socket = try SharedSocket.listen(at: "127.0.0.1:0", named: "echo")
        let script = """
            test "$LISTEN_PID" = $$ && test $LISTEN_FDS = 1 && test $LISTEN_FDNAMES = echo \
            && test -n "$NOTIFY_SOCKET" && test -e /proc/self/fd/3 && ! test -e /proc/self/fd/4 \
            && exit 42
            exit 1
            """
        let error = await #expect(throws: SocketError.self) {
            try await workers(script, count: 1, log, sharing: [socket]) {
                $0.failedStarts = 1
            }.run()
        }
        #expect("\(try #require(error))".contains("exit status 42"))
    }

    @Test("workers that run cannot be run a second time")
    func runningTwice() async throws {
        let log = Log()
        let supervisor = workers("exec sleep 60", count: 1, log)
        let run = Task { try await supervisor.run() }
        _ = await log.wait(for: .started)
        let error = await #expect(throws: SocketError.self) { try await supervisor.run() }
        #expect(error?.code == .busy)
        run.cancel()
        try await run.value
    }
}

@Suite(.timeLimit(.minutes(1)))
struct HotRestartTests {
    private func restart(_ script: String, within time: Duration = .seconds(10)) -> HotRestart {
        HotRestart(
            options: .init(
                executable: "/bin/sh",
                arguments: ["-c", script],
                readyWithin: time
            )
        )
    }

    @Test("a new version that ends before it is ready changes nothing")
    func endsEarly() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let restart = restart("exit 5")
        for _ in 0..<2 {
            let error = await #expect(throws: SocketError.self) {
                try await restart.start(passing: SharedSocket.sockets(of: listener, named: "echo"))
            }
            #expect(error?.code == .limitExceeded)
            #expect("\(try #require(error))".contains("exit status 5"))
        }
        async let client = TCPConnection.connect(to: listener.localAddress)
        _ = try await listener.accept()
        _ = try await client
    }

    @Test("a new version that is not ready in time is killed")
    func late() async throws {
        let error = await #expect(throws: SocketError.self) {
            try await restart("exec sleep 60", within: .milliseconds(20)).start(passing: [])
        }
        #expect(error?.code == .timedOut)
    }

    @Test("a second restart at the same time is refused")
    func busy() async throws {
        let restart = restart("exec sleep 60", within: .milliseconds(500))
        @Sendable func attempt() async -> SocketError.Code? {
            do throws(SocketError) {
                try await restart.start(passing: [])
                return nil
            } catch {
                return error.code
            }
        }
        // Of the two, one is first.
        async let first = attempt()
        async let second = attempt()
        let codes: Set<SocketError.Code?> = await [first, second]
        #expect(codes == [.busy, .timedOut])
    }
}
