internal import AsyncSockets
internal import Glibc
internal import SocketSystem
internal import Synchronization
internal import TestKit
import Testing

@testable import SocketService

@Suite(.fewAtOnce, .endsHangs)
struct ChildProcessTests {
    /// Starts a program and takes in what becomes known of it.
    private func start(
        _ arguments: [String],
        sockets: [SharedSocket] = []
    ) async throws -> (ChildProcess, AsyncStream<ChildProcess.Event>) {
        let (events, continuation) = AsyncStream.makeStream(of: ChildProcess.Event.self)
        let process = try await ChildProcess.start(
            ProgramStart(
                path: arguments[0],
                arguments: arguments,
                environment: environmentVariables
            ),
            sockets: sockets,
            as: .worker
        ) { event in
            continuation.yield(event)
            if case .ended = event { continuation.finish() }
        }
        return (process, events)
    }

    private static let python = "/usr/bin/python3"
    private static let hasPython = fileExists(python)
    private static let isRoot = geteuid() == 0

    @Test("a child that goes on talking is never blocked", .enabled(if: hasPython))
    func talkativeChildIsNeverBlocked() async throws {
        let script = """
            import os, socket
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1))
            s.send(b"READY=1")
            for i in range(5000): s.send(b"STATUS=%d" % i)
            """
        let (_, events) = try await start([Self.python, "-c", script])
        var seen: [ChildProcess.Event] = []
        for await event in events { seen.append(event) }
        #expect(seen == [.ready, .ended(.exited(0))])
    }

    @Test("a child that has become another user is heard", .enabled(if: hasPython && isRoot))
    func childAsAnotherUserIsHeard() async throws {
        let script = """
            import os, socket, time
            os.setuid(65534)
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1))
            s.send(b"READY=1")
            time.sleep(60)
            """
        let (process, events) = try await start([Self.python, "-c", script])
        var seen: [ChildProcess.Event] = []
        for await event in events {
            seen.append(event)
            try process.send(.kill)
        }
        #expect(seen == [.ready, .ended(.killed(.kill))])
    }

    @Test("another process than the child does not count, and is told", .enabled(if: hasPython))
    func onlyTheChildIsHeard() async throws {
        let script = """
            import os, socket, sys
            other = os.fork()
            if other == 0:
                s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                s.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1))
                for i in range(3): s.send(b"READY=1")
                os._exit(0)
            os.wait()
            open(sys.argv[1], "w").write("%d\\n" % other)
            """
        let lines = try ScriptLines()
        let (_, events) = try await start([Self.python, "-c", script, lines.path])
        let other = try #require(CInt(try await lines.next()))
        var seen: [ChildProcess.Event] = []
        for await event in events { seen.append(event) }
        #expect(seen == [.unheard(from: other), .ended(.exited(0))])
    }

    @Test("a child without a reference is reaped, and its end is reported")
    func forgottenChildIsReaped() async throws {
        let number: CInt
        let events: AsyncStream<ChildProcess.Event>
        do {
            let (process, its) = try await start(["/bin/sh", "-c", "exit 3"])
            (number, events) = (process.number, its)
        }
        var seen: [ChildProcess.Event] = []
        for await event in events { seen.append(event) }
        #expect(seen == [.ended(.exited(3))])
        #expect(throws: Errno.self) { try sendSignal(SignalNumber(rawValue: 0), to: number) }
    }

    @Test("a child is not touched by the deadline of its starter")
    func childOutlivesDeadline() async throws {
        let lines = try ScriptLines()
        let script = "until test -d \"$1.go\"; do sleep 0.01; done; exit 6"
        let (process, events) = try await withTimeout(.milliseconds(50)) {
            try await start(["/bin/sh", "-c", script, "sh", lines.path])
        }
        try await Task.sleep(for: .milliseconds(200))
        try sendSignal(SignalNumber(rawValue: 0), to: process.number)
        #expect(unsafe mkdir(lines.path + ".go", 0o700) == 0)
        var seen: [ChildProcess.Event] = []
        for await event in events { seen.append(event) }
        #expect(seen == [.ended(.exited(6))])
    }

    @Test("a loop for children that could not be had is tried again, and then kept")
    func retriedLoop() async throws {
        let starts = Atomic(0)
        let loop = ChildLoop { () throws(SocketError) in
            if starts.wrappingAdd(1, ordering: .relaxed).newValue == 1 {
                throw SocketError(.startLoops, Errno.processDescriptorLimit)
            }
            return try EventLoopGroup(loops: 1)
        }
        let error = #expect(throws: SocketError.self) { try loop.group(for: .supervise) }
        #expect(error?.operation == .supervise)
        #expect(error?.code == .tooManyDescriptors)
        let group = try loop.group(for: .supervise)
        #expect(try loop.group(for: .startProcess) === group)
        #expect(starts.load(ordering: .relaxed) == 2)
        // Other tests count descriptors.
        await group.shutdown()
    }

    @Test("a signal to a child that has ended is no error", ChildLoopRuns(), .descriptorsBalanced)
    func signalAfterTheEnd() async throws {
        let (process, events) = try await start(["/bin/sh", "-c", "kill -KILL $$"])
        for await event in events { #expect(event == .ended(.killed(.kill))) }
        try process.send(.terminate)
    }

    @Test("a child of a program that ignores SIGCHLD is never mistaken for another process")
    func ignoredChildSignal() async {
        await #expect(processExitsWith: .success) {
            _ = signal(SIGCHLD, SIG_IGN)
            // Some are gone before they are watched, and some after.
            for script in Array(repeating: "exit 0", count: 20) + ["exec sleep 60"] {
                let (events, continuation) = AsyncStream.makeStream(of: ChildProcess.Event.self)
                let program = ProgramStart(
                    path: "/bin/sh",
                    arguments: ["sh", "-c", script],
                    environment: [:]
                )
                do {
                    let child = try await ChildProcess.start(program, sockets: [], as: .worker) {
                        continuation.yield($0)
                    }
                    if script != "exit 0" { try child.send(.kill) }
                    for await event in events {
                        #expect(event == .ended(.unknown))
                        break
                    }
                } catch let error as SocketError {
                    #expect("\(error)".contains("SIGCHLD"))
                }
            }
        }
    }

    @Test("a program that closes its standard descriptors never gets one of ours in their place")
    func standardDescriptorsStayFree() async {
        await #expect(processExitsWith: .exitCode(5)) {
            let socket = try SharedSocket.listen(at: "127.0.0.1:0", named: "echo")
            let ends = try UnixConnection.pair(receivesDescriptors: true)
            let passed = OwnedDescriptor(adopting: try openEventCounter().release())
            for number: CInt in [0, 1, 2] { close(number) }
            let pair = try openSocketPair(type: CInt(SOCK_STREAM.rawValue))
            let numbers = [
                pair.0, pair.1, try openPipe().reader, try openEventCounter().release(),
                try openEpoll().release(), try openProcess(currentProcess).release(),
                try duplicateDescriptor(pair.0).release(), try openNotifySocket().descriptor,
                try UDPSocket.bind(to: "127.0.0.1:0").detach(),
            ]
            if let low = numbers.first(where: { $0 < 3 }) { exit(10 + low) }
            try await ends.0.write("x", passing: [passed])
            let message = try await ends.1.readWithDescriptors()
            let received = try message?.descriptors.first?.withDescriptor { $0 } ?? 0
            if received < 3 { exit(20 + received) }
            let program = ProgramStart(
                path: "/bin/sh",
                arguments: [
                    "sh", "-c",
                    """
                    for fd in 0 1 2; do
                        test $(readlink /proc/$$/fd/$fd) = /dev/null || exit 1
                    done
                    test -e /proc/$$/fd/3 || exit 2; exit 5
                    """,
                ],
                environment: environmentVariables
            )
            let (events, continuation) = AsyncStream.makeStream(of: ChildProcess.Event.self)
            _ = try await ChildProcess.start(program, sockets: [socket], as: .worker) {
                continuation.yield($0)
            }
            for await event in events {
                if case .ended(.exited(let status)) = event { exit(status) }
            }
        }
    }

    @Test("a failed start says why and leaves nothing", ChildLoopRuns(), .descriptorsBalanced)
    func failedStartSaysWhy() async throws {
        let socket = try SharedSocket.listen(at: "127.0.0.1:0", named: "echo")
        for (path, name) in [("/nowhere/to/be/found", "ENOENT"), ("/etc/passwd", "EACCES")] {
            let error = await #expect(throws: SocketError.self) {
                _ = try await start([path], sockets: [socket])
            }
            #expect("\(try #require(error))".contains(name))
        }
        socket.close()
        let closed = await #expect(throws: SocketError.self) {
            _ = try await start(["/bin/true"], sockets: [socket])
        }
        #expect(closed?.code == .closed)
    }

    @Test("many descriptors are passed in order, whatever numbers they have here")
    func descriptorsArriveInOrder() async throws {
        let sockets = try (0..<40).map { number in
            try SharedSocket.listen(at: "127.0.0.1:0", named: "s\(number)")
        }
        let script = """
            test $LISTEN_FDS = 40 && test -e /proc/self/fd/42 && ! test -e /proc/self/fd/43 || exit 1
            for fd in $(seq 3 42); do
                readlink /proc/self/fd/$fd
            done | sort -u | wc -l | grep -qx 40 && exit 5
            """
        let (_, events) = try await start(["/bin/sh", "-c", script], sockets: sockets)
        for await event in events { #expect(event == .ended(.exited(5))) }
    }

    @Test("telling a service manager that takes nothing fails and does not wait")
    func notifyingFullQueueFails() throws {
        let (descriptor, name) = try openNotifySocket()
        defer { closeDescriptor(descriptor) }
        let error = #expect(throws: Errno.self) {
            for _ in 0..<100_000 { try sendNotification("STATUS=nobody listens", to: name) }
        }
        #expect(error == .again)
        #expect(try receiveNotification(descriptor)?.process == currentProcess)
    }

    @Test("what a service manager must hear waits until it takes messages again, but not for ever")
    func notifyingWaitsForRoom() async throws {
        let (descriptor, name) = try openNotifySocket()
        defer { closeDescriptor(descriptor) }
        #expect(throws: Errno.self) {
            for _ in 0..<100_000 { try sendNotification("STATUS=nobody listens", to: name) }
        }
        let start = ContinuousClock.now
        let result = await onThread {
            Result { () throws(Errno) in
                try sendNotification("READY=1", to: name, waiting: .milliseconds(100))
            }
        }
        #expect(throws: Errno.again) { try result.get() }
        #expect(ContinuousClock.now - start >= .milliseconds(99))
        async let sent = onThread {
            Result { () throws(Errno) in
                try sendNotification("READY=1", to: name, waiting: .seconds(40))
            }
        }
        // The sender may be waiting by now, or come to it later.
        try await Task.sleep(for: .milliseconds(20))
        _ = try receiveNotification(descriptor)
        guard case .success = await sent else {
            Issue.record("it was not sent")
            return
        }
    }

    @Test("the path of this program is the one by which it was started")
    func pathOfProgramAsStarted() throws {
        let path = try #require(executablePath)
        #expect(path.hasPrefix("/") && fileExists(path))
    }

    @Test("a program's path is that of its file, or of the file that replaced it")
    func pathOfReplacedProgram() {
        #expect(pathOfProgram(link: "/bin/x", fileExists: { _ in true }) == "/bin/x")
        #expect(pathOfProgram(link: "/bin/x (deleted)", fileExists: { _ in false }) == "/bin/x")
        let odd = "/bin/x (deleted)"
        #expect(pathOfProgram(link: odd, fileExists: { $0 == odd }) == odd)
    }
}
