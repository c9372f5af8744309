import Foundation

/// The command: builds the servers, measures them, writes the report.
@main
struct Bench {
    static let usage = """
        usage: bench [OPTIONS]                  measures everything and writes the report
               bench --scenario NAME … [OPTIONS]  measures these and writes the report anew
               bench --costs                    counts system calls, allocations, instructions
               bench --report                   writes the report from what is measured
               bench --compare SERVER … [-- LOAD OPTIONS]
                                                measures command lines against the first of them
               bench --profile --server NAME    shows where a round trip's instructions go
               bench --write-baseline           keeps instructions and allocations per round trip
               bench --check-baseline           fails when one of them has grown by more than 5 %
               bench --list                     names the scenarios
        options: --rounds N, --duration SECONDS, --server NAME (only these), --no-build
        """

    var runner = Runner()
    var scenarios: [String] = []
    var commands: [String] = []
    var loadOptions: [String] = []
    var action = "everything"
    var builds = true

    static func main() {
        do {
            var bench = try Bench(Array(CommandLine.arguments.dropFirst()))
            try bench.run()
        } catch {
            tell("\(error)")
            exit(1)
        }
    }

    init(_ arguments: [String]) throws {
        let parts = arguments.split(separator: "--", maxSplits: 1, omittingEmptySubsequences: false)
        loadOptions = parts.count > 1 ? Array(parts[1]) : []
        var words = parts.first.map(Array.init) ?? []
        func value() throws -> String {
            guard !words.isEmpty else { throw Failure(Self.usage) }
            return words.removeFirst()
        }
        while !words.isEmpty {
            switch words.removeFirst() {
            case "--scenario": scenarios.append(try value())
            case "--rounds": runner.rounds = Int(try value()) ?? runner.rounds
            case "--duration": runner.seconds = Double(try value()) ?? runner.seconds
            case "--server": runner.only.insert(try value())
            case "--no-build": builds = false
            case "--compare":
                action = "compare"
                commands = words
                words = []
            case let word where ["--costs", "--report", "--list", "--profile"].contains(word),
                let word where ["--write-baseline", "--check-baseline"].contains(word):
                action = String(word.dropFirst(2))
            case let word where !scenarios.isEmpty && !word.hasPrefix("--"):
                scenarios.append(word)
            default: throw Failure(Self.usage)
            }
        }
        let known = Set(Scenario.all.map(\.name))
        if let unknown = scenarios.first(where: { !known.contains($0) }) {
            throw Failure("\(unknown) is no scenario; bench --list names them")
        }
    }

    mutating func run() throws {
        switch action {
        case "list":
            for scenario in Scenario.all { tell("\(scenario.name): \(scenario.title)") }
            return
        case "report":
            return try Report.write(.read())
        default: break
        }
        // The registries are out of reach from the namespace: build before it is entered.
        if builds && !Namespace.isEntered {
            try action.hasSuffix("baseline") ? Toolbox.buildOurs() : Toolbox.buildAll()
        }
        Namespace.enter()
        Self.raiseDescriptorLimit()
        switch action {
        case "compare": runner.compare(commands, loadOptions)
        case "costs": try countCosts()
        case "profile":
            for server in Server.all where runner.only.contains(server.name) {
                try Profile(of: server, count: 4000).show(server.name)
            }
        case "write-baseline": try Baseline.write()
        case "check-baseline": if try !Baseline.check() { exit(1) }
        default: try measure()
        }
    }

    /// As many descriptors as the system lets us have, for the servers that inherit the limit.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private func measure() throws {
        tell(Machine.here().caption)
        var results = Results.read()
        for scenario in Scenario.all {
            guard scenarios.isEmpty || scenarios.contains(scenario.name) else { continue }
            let outcome = runner.run(scenario)
            results = Results.read()
            results.outcomes[scenario.name] = outcome
            try results.write()
        }
        if scenarios.isEmpty { try countCosts() }
        try Report.write(.read())
    }

    private func countCosts() throws {
        var results = Results.read()
        for server in CostCounter.servers where server.isBuilt && runner.includes(server) {
            let cost = CostCounter(server: server).count()
            results.costs[server.name] = cost
            let calls = cost.systemCalls.map { $0.values.reduce(0, +) }
            func text(_ value: Double?) -> String {
                value.map { String(format: "%.2f", $0) } ?? "–"
            }
            tell(
                "\(server.name): \(text(calls)) system calls, \(text(cost.allocations)) allocations,"
                    + " \(text(cost.instructions)) instructions a round trip"
                    + cost.failures.map { "; \($0)" }.joined()
            )
        }
        try results.write()
        try Report.write(results)
    }
}

extension Runner {
    /// Measures command lines that are not in the catalogue; each gets the address as its last word.
    func compare(_ commands: [String], _ load: [String]) {
        let servers = commands.map { Server(name: $0, executable: nil, kind: $0) }
        let scenario = Scenario(
            name: "compare",
            title: load.joined(separator: " "),
            load: load,
            servers: servers
        )
        _ = run(scenario)
    }
}
