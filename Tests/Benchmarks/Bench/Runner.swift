import Foundation

/// Puts loads on servers, in turns: A B C A B C …
struct Runner {
    var rounds = 3
    var seconds = 1.2
    var warmUp = 0.3
    /// Only these servers, by name; bare C is always there.
    var only: Set<String> = []

    /// The cores of a server and of the load generator; they share one where there is no other way.
    static func cores(threads: Int) -> (server: String, load: String) {
        let count = ProcessInfo.processInfo.processorCount
        let server = threads == 1 ? "0" : "0-\(min(threads, count) - 1)"
        return (server, "\(count - 1)")
    }

    func includes(_ server: Server) -> Bool {
        only.isEmpty || only.contains(server.name)
    }

    func run(_ scenario: Scenario) -> Outcome {
        tell("\(scenario.name): \(scenario.title)")
        var outcome = Outcome(scenario: scenario.name, machine: .here(), series: [])
        let servers = scenario.servers.enumerated().filter { index, server in
            index == 0 || includes(server)
        }.map(\.element)
        outcome.series = servers.map { server in
            let missing = server.isBuilt ? nil : "not built here"
            return Series(server: server.name, reference: server.reference, failure: missing)
        }
        for _ in 0..<rounds {
            for (index, server) in servers.enumerated() where outcome.series[index].failure == nil {
                do {
                    outcome.series[index].rounds.append(try measureQuietly(server, in: scenario))
                } catch {
                    outcome.series[index].failure = "\(error)"
                    outcome.series[index].rounds = []
                }
            }
        }
        for series in outcome.series { tell(line(for: series.server, in: outcome)) }
        return outcome
    }

    /// Measures anew, a few times, when something else kept the machine busy.
    private func measureQuietly(_ server: Server, in scenario: Scenario) throws -> Measurement {
        var best = try measure(server, in: scenario)
        for _ in 0..<3 where (best.others ?? 0) > 0.15 {
            let again = try measure(server, in: scenario)
            if (again.others ?? 0) < (best.others ?? 0) { best = again }
        }
        if let others = best.others, others > 0.15 {
            tell("  \(server.name): disturbed, something else took \(others) of a processor")
        }
        return best
    }

    /// One server, one run.
    private func measure(_ server: Server, in scenario: Scenario) throws -> Measurement {
        let cores = Self.cores(threads: scenario.threads)
        let path = FileManager.default.temporaryDirectory.appending(path: "bench-\(getpid()).sock")
        let wanted = scenario.address == .tcp ? "127.0.0.1:0" : "unix:\(path.path)"
        let child = try Child(
            server.command(at: wanted, threads: scenario.threads),
            cores: cores.server,
            environment: server.environment.merging(
                ["ASYNCSOCKETS_LOOPS": "\(scenario.threads)"]
            ) { $1 }
        )
        defer {
            child.end()
            try? FileManager.default.removeItem(at: path)
        }
        let options =
            scenario.load + [
                "--duration", "\(seconds)", "--warm-up", "\(warmUp)", "--pid", "\(child.pid)",
            ]
        return try Self.load(child.address(), options, on: cores.load, against: child)
    }

    /// Runs the load generator; what it measured, or what went wrong.
    static func load(
        _ address: String,
        _ options: [String],
        on core: String,
        against server: Child
    ) throws -> Measurement {
        let words = ["taskset", "-c", core, "timeout", "-k", "1", "60", Tool.load.path]
        let result = Child.output(words + ["--connect", address] + options)
        guard let measurement = try? Measurement.decode(result.text) else {
            throw Failure(why(String(result.text.suffix(200)), server))
        }
        guard result.status == 0 else {
            let counts =
                "\(measurement.failed) operations failed, "
                + "\(measurement.stalled) connections stalled"
            throw Failure(why(counts, server))
        }
        return measurement
    }

    /// What the load generator says, and how the server ended when it did.
    private static func why(_ complaint: String, _ server: Child) -> String {
        let words = complaint.trimmingCharacters(in: .whitespacesAndNewlines)
        return [words, server.death].compactMap { $0 }.joined(separator: "; ")
    }

    private func line(for server: String, in outcome: Outcome) -> String {
        let width = max(28, outcome.series.map(\.server.count).max() ?? 0)
        let name = server.padding(toLength: width, withPad: " ", startingAt: 0)
        guard let rate = outcome.median(server, \.rate) else {
            let series = outcome.series.first { $0.server == server }
            return "  \(name)  skipped: \(series?.failure ?? "no result")"
        }
        func number(_ value: Double?, _ digits: Int) -> String {
            String(format: "%.\(digits)f", value ?? .nan)
        }
        let cpu = outcome.median(server, \.server.cpuUsPerOperation)
        return "  \(name) \(number(rate, 0))/s"
            + " (\(number(outcome.ratio(server, \.rate), 2)))"
            + "  CPU \(number(cpu, 3)) µs"
            + " (\(number(outcome.ratio(server, \.server.cpuUsPerOperation), 2)))"
            + "  p50 \(number(outcome.median(server, \.latencyUs.p50), 0))"
            + "  p99 \(number(outcome.median(server, \.latencyUs.p99), 0)) µs"
            + " (\(number(outcome.ratio(server, \.latencyUs.p99), 2)))"
    }
}
