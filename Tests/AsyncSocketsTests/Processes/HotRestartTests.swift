import AsyncSockets
import Glibc
internal import SocketSystem
import TestKit
import Testing

@Suite(.fewAtOnce, .timeLimit(.minutes(1)))
struct HotRestartTests {
    private func restart(
        _ script: String,
        within time: Duration = .seconds(50),
        lines: ScriptLines? = nil
    ) -> HotRestart {
        HotRestart(
            options: .init(
                executable: "/bin/sh",
                arguments: ["-c", script],
                environment: lines.map { ["LINES": $0.path] } ?? [:],
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
                try await restart.start(passing: [SharedSocket(of: listener, named: "echo")])
            }
            #expect(error?.code == .processFailed)
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

    @Test("the new version learns its own number for the watchdog")
    func watchdog() async throws {
        for (inherited, status) in [("\(currentProcess)", 42), ("1", 43)] {
            let restart = HotRestart(
                options: .init(
                    executable: "/bin/sh",
                    arguments: [
                        "-c",
                        "test $WATCHDOG_PID = $$ && exit 42; test $WATCHDOG_PID = 1 && exit 43",
                    ],
                    environment: ["WATCHDOG_PID": inherited]
                )
            )
            let error = await #expect(throws: SocketError.self) {
                try await restart.start(passing: [])
            }
            #expect("\(try #require(error))".contains("exit status \(status)"))
        }
    }

    @Test("a second restart at the same time is refused")
    func busy() async throws {
        let lines = try ScriptLines()
        let script = "echo >\"$LINES\"; until test -d \"$LINES.go\"; do sleep 0.01; done; exit 5"
        let restart = restart(script, lines: lines)
        @Sendable func attempt() async -> SocketError.Code? {
            do throws(SocketError) {
                try await restart.start(passing: [])
                return nil
            } catch {
                return error.code
            }
        }
        async let first = attempt()
        _ = try await lines.next()
        // The new version runs until it is told to go on.
        #expect(await attempt() == .busy)
        #expect(unsafe mkdir(lines.path + ".go", 0o700) == 0)
        #expect(await first == .processFailed)
    }
}
