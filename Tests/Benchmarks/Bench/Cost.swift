import Foundation

/// What one 64-byte round trip costs a server, counted instead of timed: the same on a busy
/// machine.
struct Cost: Codable {
    /// Calls that allocate; nil for a server that does not allocate through malloc.
    var allocations: Double?
    /// Instructions in user code, on one connection.
    var instructions: Double?
    /// The same on 64 connections, which share the turns of the event loop.
    var busyInstructions: Double?
    /// The latter by what the code belongs to.
    var parts: [String: Double]?
    /// System calls by name, on 64 connections.
    var systemCalls: [String: Double]?
    /// What could not be counted, and why.
    var failures: [String] = []
}

/// Counts by differences: of N and 2N round trips, so that the start and the connections cancel.
struct CostCounter {
    let server: Server
    var address = Scenario.Address.tcp
    /// How many bytes go each way.
    var message = 64

    /// How long counting all of one server takes, roughly.
    static let expectedSeconds = 25.0

    /// Those whose costs are shown.
    static let servers: [Server] = [
        .edge, .serve, .readInto, .loops, .tokio, .libuv, .go, .handlers, .async, .flyingSocks,
    ]

    private let file = FileManager.default.temporaryDirectory
        .appending(path: "bench-cost-\(getpid())").path

    /// What one operation is called.
    var operation: String { isDatagrams ? "datagram" : "round trip" }

    private var isDatagrams: Bool { server.kind.hasPrefix("datagrams") }

    func count() -> Cost {
        var cost = Cost()
        func attempt<Value>(_ what: String, _ body: () throws -> Value) -> Value? {
            do { return try body() } catch { cost.failures.append("\(what): \(error)") }
            return nil
        }
        // Go has an allocator of its own, and its stacks are not what valgrind expects.
        if server.executable != .go {
            cost.allocations = attempt("allocations", countAllocations)
            cost.instructions = attempt("instructions") { try profile(connections: 1).total }
            let busy = attempt("instructions on 64") { try profile(connections: 64) }
            cost.busyInstructions = busy?.total
            cost.parts = busy?.parts
        }
        cost.systemCalls = attempt("system calls", countSystemCalls)
        return cost
    }

    /// What the check against the baseline needs, and no more.
    func countForBaseline() throws -> (instructions: Double, allocations: Double) {
        (try profile(connections: 1).total, try countAllocations())
    }

    private func profile(connections: Int) throws -> Profile {
        try Profile(counter: self, count: 2000, connections: connections)
    }

    /// Starts the server under `wrapper` and hands its address to `body`.
    private func serve<Value>(
        _ wrapper: [String] = [],
        _ environment: [String: String] = [:],
        _ body: (Child, String) throws -> Value
    ) throws -> Value {
        let socketFile = file + ".sock"
        let wanted = address == .tcp ? "127.0.0.1:0" : "unix:\(socketFile)"
        var command = server.command(at: wanted, threads: 1)
        if wrapper.first == "valgrind" { command[0] = Toolbox.stripped(command[0]) }
        let child = try Child(
            wrapper + command,
            cores: "0",
            environment: server.environment
                .merging(["ASYNCSOCKETS_LOOPS": "1"]) { $1 }
                .merging(environment) { $1 }
        )
        defer {
            child.end()
            for path in [file, socketFile] { try? FileManager.default.removeItem(atPath: path) }
        }
        return try body(child, child.address())
    }

    private func roundTrips(
        _ count: Int,
        connections: Int,
        at address: String,
        on child: Child
    ) throws {
        let mode = isDatagrams ? ["--mode", "datagrams"] : []
        let options =
            mode + ["--count", "\(count)", "--connections", "\(connections)"]
            + ["--message", "\(message)"]
        let core = Runner.cores(threads: 1).load
        _ = try Runner.load(address, options, on: core, against: child)
    }

    // MARK: - Allocations

    private func countAllocations() throws -> Double {
        try Data(count: 8).write(to: URL(filePath: file))
        let preload = [
            "LD_PRELOAD": Toolbox.allocationsLibrary.path, "ALLOCATIONS_FILE": file,
        ]
        return try serve([], preload) { child, address in
            // One socket serves all datagrams: how often it waits among many is a matter of timing.
            let connections = isDatagrams ? 1 : 64
            func allocated(_ count: Int) throws -> Double {
                let before = allocationsSoFar()
                try roundTrips(count, connections: connections, at: address, on: child)
                return allocationsSoFar() - before
            }
            _ = try allocated(20_000)
            let once = try allocated(50_000)
            return max(0, (try allocated(100_000) - once) / 50_000)
        }
    }

    private func allocationsSoFar() -> Double {
        let data = FileManager.default.contents(atPath: file) ?? Data(count: 8)
        return Double(data.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    }

    // MARK: - Instructions

    /// The server's instructions over a number of round trips, in a file that callgrind writes.
    func callgrind(_ count: Int, connections: Int) throws -> String {
        guard Child.output(["which", "valgrind"]).status == 0 else {
            throw Failure("there is no valgrind here")
        }
        let result = file + "-callgrind"
        return try serve(["valgrind", "--tool=callgrind", "--callgrind-out-file=\(result)"]) {
            child,
            address in
            try roundTrips(count, connections: connections, at: address, on: child)
            child.end(SIGTERM)
            return result
        }
    }

    // MARK: - System calls

    private func countSystemCalls() throws -> [String: Double] {
        func calls(_ count: Int) throws -> [String: Double] {
            try serve(["strace", "-f", "-c", "-o", file]) { child, address in
                try roundTrips(count, connections: 64, at: address, on: child)
                let children = "/proc/\(child.pid)/task/\(child.pid)/children"
                let pid = try String(contentsOfFile: children, encoding: .utf8)
                    .split(separator: " ").first.flatMap { Int32($0) }
                guard let pid else { throw Failure("strace runs no server") }
                kill(pid, SIGKILL)
                child.process.waitUntilExit()
                return Self.parse(try String(contentsOfFile: file, encoding: .utf8))
            }
        }
        guard Child.output(["which", "strace"]).status == 0 else {
            throw Failure("there is no strace here")
        }
        let once = try calls(5000)
        return try calls(15_000).compactMapValues { $0 }.reduce(into: [:]) { result, call in
            let each = (call.value - (once[call.key] ?? 0)) / 10_000
            if each >= 0.005 { result[call.key] = each }
        }
    }

    /// The lines of strace's table: `% time, seconds, µs/call, calls, [errors,] name`.
    private static func parse(_ table: String) -> [String: Double] {
        var calls: [String: Double] = [:]
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 5, Double(words[0]) != nil, let count = Double(words[3]),
                let name = words.last, name != "total"
            else { continue }
            calls[String(name)] = count
        }
        return calls
    }
}
