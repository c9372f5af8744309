import AsyncSockets
import Glibc
import SocketService

// Scenarios of time, signals and processes.

func timeouts() async throws {
    let (silent, other) = try UnixConnection.pair()
    do {
        _ = try await withTimeout(.milliseconds(50)) { try await silent.read(atMost: 1) }
    } catch let error as SocketError where error.code == .timedOut {
        withExtendedLifetime(other) {}
        return
    }
    throw Wrong("a read that needs no peer")
}

func watching() async throws {
    let (near, far) = try UnixConnection.pair()
    let source = try near.duplicateDescriptor().withDescriptor { try ReadinessSource(watching: $0) }
    try await source.writable()
    async let readable: Void = source.readable()
    try await far.write("x")
    try await readable
}

func signals() async throws {
    let (silent, other) = try UnixConnection.pair()
    let signal = try await withCancellation(on: .user1, .terminate) {
        guard kill(getpid(), SIGUSR1) == 0 else { throw Told("the scenario's own kill failed") }
        _ = try await silent.read(atMost: 1)
    }
    withExtendedLifetime(other) {}
    try require(signal == .user1, "\(String(describing: signal)) instead of SIGUSR1")
}

/// Serves in a process that was started by the scenario: until it is told to leave, or one client.
private func serveInherited(once: Bool = false) async throws {
    guard let listener = try TCPListener.inherited(named: "echo") else {
        throw Wrong("nothing inherited")
    }
    try await withCancellation(on: .terminate) {
        try ServiceManager.notify(.ready)
        if once { return try await echo(listener.accept()) }
        try await listener.serve { try await echo($0) }
    }
}

func workers(_ troubles: Troubles) async throws {
    if WorkerProcesses.isWorker { return try await serveInherited() }
    let socket = try SharedSocket.listen(at: "127.0.0.1:0", named: "echo")
    let address = socket.localAddress
    var options = WorkerOptions(count: 2, readyWithin: .seconds(5), drain: .seconds(2)) { event in
        if event.kind == .failed { troubles.add(Told("\(event)")) }
    }
    options.failedStarts = 2
    let supervisor = WorkerProcesses(sharing: [socket], options: options)
    try await withServer({ try await supervisor.run() }, troubles) {
        try await ask(TCPConnection.connect(to: address))
    }
}

func restart() async throws {
    let variable = "STRESS_SUCCESSOR"
    if unsafe getenv(variable) != nil { return try await serveInherited(once: true) }
    let socket = try SharedSocket.listen(at: "127.0.0.1:0", named: "echo")
    let address = socket.localAddress
    let options = HotRestart.Options(environment: [variable: "1"], readyWithin: .seconds(5))
    let successor = try await HotRestart(options: options).start(passing: [socket])
    defer { kill(successor, SIGTERM) }
    // Now the client's fate depends on the successor alone.
    socket.close()
    try await ask(TCPConnection.connect(to: address))
}

/// A sentence that the library has told elsewhere.
struct Told: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
