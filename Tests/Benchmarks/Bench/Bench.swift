import Foundation

/// The command: builds the servers, measures them, writes the report.
@main
struct Bench {
    static let usage = """
        usage: bench [OPTIONS]                  measures everything and writes the report
               bench --resume [OPTIONS]         measures what the stored results lack
               bench --scenario NAME … [OPTIONS]  measures these and prints the figures
               bench --scenario NAME … --merge [OPTIONS]
                                                puts them into the stored results and the report
               bench --costs                    counts system calls, allocations, instructions
               bench --report                   writes the report from what is stored
               bench --compare SERVER … [-- LOAD OPTIONS]
                                                measures command lines against the first of them
               bench --profile --server NAME [--connections N]
                                                shows where a round trip's instructions go
               bench --write-baseline           keeps instructions and allocations per round trip
               bench --check-baseline           fails when one of them has grown by more than 5 %
               bench --list                     names the scenarios
        options: --rounds N, --duration SECONDS, --server NAME (only these), --no-build,
                 --into FOLDER (results and report; Documentation/Benchmarks)
        """

    var runner = Runner()
    var scenarios: [String] = []
    var commands: [String] = []
    var loadOptions: [String] = []
    var action = "everything"
    var folder = Toolbox.report
    var connections = 1
    var builds = true
    var merges = false

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
            case "--connections": connections = Int(try value()) ?? connections
            case "--into": folder = URL(filePath: try value())
            case "--no-build": builds = false
            case "--merge": merges = true
            case "--compare":
                action = "compare"
                commands = words
                words = []
            case let word where ["--costs", "--report", "--list", "--profile"].contains(word),
                let word where ["--resume", "--write-baseline", "--check-baseline"].contains(word):
                action = String(word.dropFirst(2))
            case let word where !scenarios.isEmpty && !word.hasPrefix("--"):
                scenarios.append(word)
            default: throw Failure(Self.usage)
            }
        }
        if merges && (scenarios.isEmpty || !runner.only.isEmpty) {
            throw Failure("--merge replaces whole scenarios: name them, and no server")
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
            return try Report.write(.read(in: folder), into: folder)
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
        case "costs":
            var results = try Results.readToAdd(in: folder)
            try countCosts(&results)
        case "profile":
            for server in Server.all where runner.only.contains(server.name) {
                let counter = CostCounter(server: server)
                try Profile(counter: counter, count: 4000, connections: connections)
                    .show(server.name)
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
}

extension Bench {
    private func measure() throws {
        let isWhole = scenarios.isEmpty
        let keeps = isWhole || merges
        // What is stored counts no more once a whole run begins.
        var results =
            action == "resume" || merges ? try Results.readToAdd(in: folder) : Results()
        let wanted = Scenario.all.filter { scenario in
            isWhole ? results.outcomes[scenario.name] == nil : scenarios.contains(scenario.name)
        }
        let counted = isWhole && results.costs.isEmpty
        tell(results.machine.caption)
        tell(runner.estimate(wanted, countsCosts: counted))
        for scenario in wanted {
            results.outcomes[scenario.name] = runner.run(scenario)
            guard keeps else { continue }
            // After each: the results so far are kept, even if the rest fails.
            try results.write(in: folder)
            try Report.write(results, into: folder)
        }
        if counted { try countCosts(&results) }
        if keeps { tell("wrote \(folder.appending(path: "README.md").path)") }
    }

    private func countCosts(_ results: inout Results) throws {
        for server in CostCounter.servers where server.isBuilt && runner.includes(server) {
            let cost = CostCounter(server: server).count()
            results.costs[server.name] = cost
            let calls = cost.systemCalls.map { $0.values.reduce(0, +) }
            func text(_ value: Double?) -> String {
                value.map { String(format: "%.2f", $0) } ?? "–"
            }
            tell(
                "\(server.name): \(text(calls)) system calls, \(text(cost.allocations)) allocations,"
                    + " \(text(cost.instructions)) instructions a round trip,"
                    + " \(text(cost.busyInstructions)) on 64 connections"
                    + cost.failures.map { "; \($0)" }.joined()
            )
        }
        try results.write(in: folder)
        try Report.write(results, into: folder)
    }
}

extension Runner {
    /// Measures command lines that are not in the catalogue; each gets the address as its last
    /// word.
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

    /// How long a run takes, in a sentence.
    func estimate(_ scenarios: [Scenario], countsCosts: Bool) -> String {
        let measuring = scenarios.map(expectedSeconds).reduce(0, +)
        let counting =
            countsCosts ? CostCounter.expectedSeconds * Double(CostCounter.servers.count) : 0
        let minutes = Int(((measuring + counting) / 60).rounded(.up))
        return "\(scenarios.count) scenarios, about \(minutes) minute\(minutes == 1 ? "" : "s");"
            + " longer where something else disturbs the machine"
    }

    private func expectedSeconds(_ scenario: Scenario) -> Double {
        let runs = rounds(of: scenario) * servers(of: scenario).count { $0.isBuilt }
        let starting = 0.35
        let opening = Double(scenario.connectionCount) * 0.0001
        return Double(runs) * (seconds(of: scenario) + warmUp + starting + opening)
    }
}
