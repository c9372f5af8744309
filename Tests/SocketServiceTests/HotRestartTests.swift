internal import AsyncSockets
internal import Glibc
internal import SocketSystem
internal import TestKit
import Testing

@testable import SocketService

@Suite(.fewAtOnce, .endsHangs)
struct HotRestartTests {
    private func restart(
        _ script: String,
        within time: Duration = .seconds(300),
        lines: ScriptLines? = nil,
        claim: HotRestart.Claim = .init()
    ) -> HotRestart {
        HotRestart(
            options: .init(
                executable: "/bin/sh",
                arguments: ["-c", script],
                environment: lines.map { ["LINES": $0.path] } ?? [:],
                readyWithin: time
            ),
            // The tests are one process, which has one successor.
            claim: claim
        )
    }

    @Test("a new version that ends before it is ready changes nothing")
    func successorEndsEarly() async throws {
        let listener = try TCPListener.bind(to: "127.0.0.1:0")
        let restart = restart("exit 5")
        for _ in 0..<2 {
            let error = await #expect(throws: SocketError.self) {
                try await restart.start(passing: [SharedSocket(of: listener, named: "echo")])
            }
            #expect(error?.code == .processFailed)
            #expect("\(try #require(error))".contains("exit status 5"))
        }
        async let client = TCPConnection.connect(to: listener.localAddress)
        _ = try await listener.accept()
        _ = try await client
    }

    @Test("a cancelled restart is given up: the new version is killed, and another may be tried")
    func cancelledRestartKillsSuccessor() async throws {
        let lines = try ScriptLines()
        let restart = restart("echo $$ >\"$LINES\"; exec sleep 60", lines: lines)
        for _ in 0..<2 {
            let attempt = Task { try await restart.start(passing: []) }
            let process = try #require(CInt(try await lines.next()))
            attempt.cancel()
            await #expect(throws: CancellationError.self) { try await attempt.value }
            #expect(throws: Errno.self) { try sendSignal(SignalNumber(rawValue: 0), to: process) }
        }
        let late = Task {
            while !Task.isCancelled { await Task.yield() }
            try await restart.start(passing: [])
        }
        late.cancel()
        await #expect(throws: CancellationError.self) { try await late.value }
    }

    @Test("a new version that is not ready in the time of a withTimeout is killed")
    func deadlineKillsSuccessor() async throws {
        let error = await #expect(throws: SocketError.self) {
            try await withTimeout(.milliseconds(50)) {
                _ = try await restart("exec sleep 60").start(passing: [])
            }
        }
        #expect(error?.operation == .hotRestart)
        #expect(error?.code == .timedOut)
    }

    @Test("a new version that is not ready in time is killed")
    func lateSuccessorIsKilled() async throws {
        let error = await #expect(throws: SocketError.self) {
            try await restart("exec sleep 60", within: .milliseconds(20)).start(passing: [])
        }
        #expect(error?.code == .timedOut)
    }

    private static let python = "/usr/bin/python3"
    private static let hasPython = fileExists(python)

    @Test("the file of a Unix socket stays for the new version", .enabled(if: hasPython))
    func unixFileStaysForSuccessor() async throws {
        let directory = TemporaryDirectory()
        let path = directory.file("socket")
        let listener = try UnixListener.bind(to: "unix:\(path)")
        let script = """
            import os, socket, time
            assert os.environ["ASYNCSOCKETS_LISTEN_FILES"].count(".") == 1
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.connect(os.environ["ASYNCSOCKETS_READY_SOCKET"].replace("@", "\\0", 1))
            s.send(b"READY=1")
            time.sleep(60)
            """
        let restart = HotRestart(
            options: .init(executable: Self.python, arguments: ["-c", script]),
            claim: .init()
        )
        let successor = try await restart.start(passing: [SharedSocket(of: listener, named: "echo")]
        )
        listener.close()
        #expect(fileExists(path))
        _ = try await UnixConnection.connect(to: "unix:\(path)")
        try sendSignal(.kill, to: successor)
    }

    @Test("if the new version fails, the file of a Unix socket goes with the old one")
    func unixFileStaysWithOldVersion() async throws {
        let directory = TemporaryDirectory()
        let path = directory.file("socket")
        let listener = try UnixListener.bind(to: "unix:\(path)")
        await #expect(throws: SocketError.self) {
            try await restart("exit 5").start(passing: [SharedSocket(of: listener, named: "echo")])
        }
        #expect(fileExists(path))
        listener.close()
        #expect(!fileExists(path))
    }

    @Test("the new version learns its own number for the watchdog")
    func successorFeedsWatchdog() async throws {
        for (inherited, status) in [("\(currentProcess)", 42), ("1", 43)] {
            let restart = HotRestart(
                options: .init(
                    executable: "/bin/sh",
                    arguments: [
                        "-c",
                        "test $WATCHDOG_PID = $$ && exit 42; test $WATCHDOG_PID = 1 && exit 43",
                    ],
                    environment: ["WATCHDOG_PID": inherited]
                ),
                claim: .init()
            )
            let error = await #expect(throws: SocketError.self) {
                try await restart.start(passing: [])
            }
            #expect("\(try #require(error))".contains("exit status \(status)"))
        }
    }

    @Test("the first process of a container is not replaced, and serves on")
    func firstProcessStays() async throws {
        let restart = HotRestart(
            options: .init(executable: "/bin/true"),
            claim: .init(),
            process: 1
        )
        let error = await #expect(throws: SocketError.self) { try await restart.start(passing: []) }
        #expect(error?.code == .notSupported)
        #expect("\(try #require(error))".contains("process 1 cannot be replaced"))
    }

    @Test("a new version that is not heard is told why", .enabled(if: hasPython))
    func wrappedSuccessor() async throws {
        let script = """
            import os, socket, time
            if os.fork() == 0:
                s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                s.connect(os.environ["ASYNCSOCKETS_READY_SOCKET"].replace("@", "\\0", 1))
                s.send(b"READY=1")
                os._exit(0)
            os.wait()
            time.sleep(60)
            """
        let options = HotRestart.Options(
            executable: Self.python,
            arguments: ["-c", script],
            readyWithin: .seconds(3)
        )
        let error = await #expect(throws: SocketError.self) {
            try await HotRestart(options: options, claim: .init()).start(passing: [])
        }
        #expect(error?.code == .timedOut)
        #expect("\(try #require(error))".contains("said READY=1 in its place"))
    }

    @Test("a second restart at the same time is refused")
    func secondRestartIsRefused() async throws {
        let lines = try ScriptLines()
        let script = "echo >\"$LINES\"; until test -d \"$LINES.go\"; do sleep 0.01; done; exit 5"
        let claim = HotRestart.Claim()
        let first = restart(script, lines: lines, claim: claim)
        let second = restart("exit 6", claim: claim)
        @Sendable func attempt(_ restart: HotRestart) async -> SocketError.Code? {
            do {
                try await restart.start(passing: [])
                return nil
            } catch {
                return (error as? SocketError)?.code
            }
        }
        async let outcome = attempt(first)
        _ = try await lines.next()
        // The new version runs until it is told to go on.
        for another in [first, second] { #expect(await attempt(another) == .busy) }
        #expect(unsafe mkdir(lines.path + ".go", 0o700) == 0)
        #expect(await outcome == .processFailed)
    }
}
