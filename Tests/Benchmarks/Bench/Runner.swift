import Foundation

/// Puts loads on servers, in turns: A B C A B C …
struct Runner {
    /// How often and how long each server is measured; nil for what is usual in a scenario.
    var rounds: Int?
    var seconds: Double?
    var warmUp = 0.3
    /// Only these servers, by name; bare C is always there.
    var only: Set<String> = []

    /// The cores of a server and of the load generator; they share one if there is no other way.
    static func cores(threads: Int) -> (server: String, load: String) {
        let count = ProcessInfo.processInfo.processorCount
        let server = threads == 1 ? "0" : "0-\(min(threads, count) - 1)"
        return (server, "\(count - 1)")
    }

    func includes(_ server: Server) -> Bool {
        only.isEmpty || only.contains(server.name)
    }

    func rounds(of scenario: Scenario) -> Int { rounds ?? scenario.rounds ?? 3 }

    func seconds(of scenario: Scenario) -> Double { seconds ?? scenario.seconds ?? 1.2 }

    /// The servers of a scenario: the first, and those that are asked for.
    func servers(of scenario: Scenario) -> [Server] {
        scenario.servers.enumerated().filter { index, server in
            index == 0 || includes(server)
        }.map(\.element)
    }

    func run(_ scenario: Scenario) -> Outcome {
        tell("\(scenario.name): \(scenario.title)")
        var outcome = Outcome(scenario: scenario.name, series: [])
        let servers = servers(of: scenario)
        outcome.series = servers.map { server in
            let missing = server.isBuilt ? nil : "not built here"
            return Series(server: server.name, reference: server.reference, failure: missing)
        }
        for _ in 0..<rounds(of: scenario) {
            for (index, server) in servers.enumerated() where outcome.series[index].failure == nil {
                do {
                    outcome.series[index].rounds.append(try measureQuietly(server, in: scenario))
                } catch {
                    outcome.series[index].failure = "\(error)"
                    outcome.series[index].rounds = []
                }
            }
        }
        for series in outcome.series {
            tell(line(for: series.server, in: outcome))
            let spreads = series.rounds.compactMap { $0.unevenness(threads: scenario.threads) }
            guard scenario.threads > 1, let uneven = spreads.max() else { continue }
            let percent = String(format: "%.1f", uneven * 100)
            tell("    connections of each thread within \(percent) % of even")
        }
        return outcome
    }

    /// Measures anew, a few times, when something else kept the machine busy.
    private func measureQuietly(_ server: Server, in scenario: Scenario) throws -> Measurement {
        var best = try measure(server, in: scenario)
        for _ in 0..<2 where (best.others ?? 0) > 0.15 {
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
        let spread = try Spread()
        let child = try Child(
            server.command(at: wanted, threads: scenario.threads),
            cores: cores.server,
            environment: server.environment
                .merging(["ASYNCSOCKETS_LOOPS": "\(scenario.threads)"]) { $1 }
                .merging(spread.environment) { $1 }
        )
        defer {
            child.end()
            spread.remove()
            try? FileManager.default.removeItem(at: path)
        }
        let options =
            scenario.load + [
                "--duration", "\(seconds(of: scenario))", "--warm-up", "\(warmUp)",
                "--pid", "\(child.pid)",
            ]
        var result = try Self.load(child.address(), options, on: cores.load, against: child)
        if scenario.threads > 1 { result.spread = spread.counts() }
        return result
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
        if result.status == 124 {
            throw Failure(why("the load generator did not end within a minute", server))
        }
        guard let measurement = try? Measurement.decode(result.text) else {
            throw Failure(why(String(result.text.suffix(200)), server))
        }
        guard result.status == 0 else {
            let cause = measurement.complaint.map { " (\($0))" } ?? ""
            let counts =
                "\(measurement.failed) operations failed\(cause), "
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
            value.map { String(format: "%.\(digits)f", $0) } ?? "–"
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
