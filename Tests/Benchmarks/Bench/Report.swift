import Foundation

/// Writes the pictures and the page from what was measured.
struct Report {
    let results: Results
    let folder: URL
    private var page = ""

    static func write(_ results: Results, into folder: URL) throws {
        var report = Report(results: results, folder: folder)
        try report.writeAll()
    }

    init(results: Results, folder: URL) {
        self.results = results
        self.folder = folder
    }

    private mutating func writeAll() throws {
        say(
            """
            # Benchmarks

            Each scenario puts the same load on every server in turns (A B C A B C …). The figures are \
            medians; a ratio compares with the bare C server in the same round, and is the figure to \
            trust: absolute ones are of one machine on one day. This page is written by \
            `swift run -c release bench` in `Tests/Benchmarks`.

            - [Method.md](Method.md): how it is measured, and what it does not show.
            - [Distance.md](Distance.md): what the distance to bare C is made of.
            - [WaysToWait.md](WaysToWait.md): what the picture of select, poll and epoll shows.

            Measured on \(results.machine.caption).

            """
        )
        for picture in overview() { try show(picture.drawing, as: picture.name, picture.title) }
        say(
            """
            In the tables, *CPU µs* is the processor time of the server for one operation, *switches* \
            how often it gave its processor up for one (to sleep until the next), *load CPU* the \
            processor time of the load generator for one. The ratios belong to the column before \
            them. Select and poll are served with one thread only.

            """
        )
        for scenario in Scenario.all {
            guard let outcome = results.outcomes[scenario.name] else { continue }
            try write(scenario, outcome)
        }
        writeCosts()
        try page.write(
            to: folder.appending(path: "README.md"),
            atomically: true,
            encoding: .utf8
        )
    }

    private mutating func say(_ text: String) {
        page += text + "\n"
    }

    private mutating func show(_ picture: Picture, as name: String, _ words: String) throws {
        try picture.svg.write(
            to: folder.appending(path: name + ".svg"),
            atomically: true,
            encoding: .utf8
        )
        say("![\(words)](\(name).svg)\n")
    }

    // MARK: - One scenario

    private mutating func write(_ scenario: Scenario, _ outcome: Outcome) throws {
        say("## \(scenario.title)\n")
        // If ratios refer to different servers, bars beside each other would mislead.
        if outcome.series.allSatisfy({ $0.reference == nil }) {
            try show(bars(scenario, outcome).draw(), as: scenario.name, scenario.title)
        }
        say(
            "| server | per second | ratio | CPU µs | ratio | switches | p50 µs | p99 µs | ratio "
                + "| p99.9 µs | load CPU |"
        )
        say("|---|" + String(repeating: "--:|", count: 10))
        for series in outcome.series {
            if let failure = series.failure {
                say("| \(series.server) | \(failure.replacingOccurrences(of: "|", with: "/")) |")
            } else {
                say(row(series.server, outcome))
            }
        }
        let references = outcome.series.compactMap { series in
            series.reference.map { "\(series.server) is compared with \($0)." }
        }
        if !references.isEmpty { say("\n" + references.joined(separator: " ")) }
        if let spread = spread(scenario, outcome) { say("\n" + spread) }
        let rounds = outcome.series.map(\.rounds.count).max() ?? 0
        say(
            "\nOne operation is one \(scenario.operation)."
                + " \(rounds) round\(rounds == 1 ? "" : "s") on \(outcome.date).\n"
        )
    }

    /// How evenly connections came to the threads of the servers that count them.
    private func spread(_ scenario: Scenario, _ outcome: Outcome) -> String? {
        let texts = outcome.series.compactMap { series -> String? in
            let all = series.rounds.compactMap { $0.unevenness(threads: scenario.threads) }
            guard let worst = all.max(), let last = series.rounds.last?.spread else { return nil }
            let counts = last.map { "\($0)" }.joined(separator: " and ")
            return "\(series.server) \(counts), within \(String(format: "%.1f", worst * 100)) %"
        }
        guard !texts.isEmpty else { return nil }
        return "Connections of each thread, and how far from even: "
            + texts.joined(separator: "; ") + "."
    }

    private func bars(_ scenario: Scenario, _ outcome: Outcome) -> BarChart {
        func ratios(_ value: (Measurement) -> Double) -> [String: Double] {
            outcome.series.reduce(into: [:]) { $0[$1.server] = outcome.ratio($1.server, value) }
        }
        let base = outcome.series.first?.server ?? ""
        return BarChart(
            title: scenario.title,
            caption: "\(base) = 1; " + results.machine.caption,
            rows: outcome.series.map(\.server),
            panels: [
                BarChart.Panel(
                    axis: "rate, a ratio (more is better)",
                    values: ratios(\.rate)
                ),
                BarChart.Panel(
                    axis: "CPU time per \(scenario.operation), a ratio (less is better)",
                    values: ratios(\.server.cpuUsPerOperation)
                ),
            ]
        )
    }

    private func row(_ server: String, _ outcome: Outcome) -> String {
        func cell(_ value: Double?, _ digits: Int) -> String {
            guard let value, value != 0 else { return "–" }
            return String(format: "%.\(digits)f", value)
        }
        let cells = [
            server,
            cell(outcome.median(server, \.rate), 0),
            cell(outcome.ratio(server, \.rate), 2),
            cell(outcome.median(server, \.server.cpuUsPerOperation), 2),
            cell(outcome.ratio(server, \.server.cpuUsPerOperation), 2),
            outcome.median(server, \.switchesPerOperation)
                .map { String(format: "%.3f", $0) } ?? "–",
            cell(outcome.median(server, \.latencyUs.p50), 0),
            cell(outcome.median(server, \.latencyUs.p99), 0),
            cell(outcome.ratio(server, \.latencyUs.p99), 2),
            cell(outcome.median(server, \.latencyUs.p999), 0),
            cell(outcome.median(server, \.generator.cpuUsPerOperation), 2),
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    // MARK: - Counted costs

    private mutating func writeCosts() {
        guard !results.costs.isEmpty else { return }
        say("## What a 64-byte round trip costs, counted\n")
        say("| server | system calls | of which | allocations | instructions, 1 | 64 |")
        say("|---|--:|---|--:|--:|--:|")
        for server in CostCounter.servers {
            guard let cost = results.costs[server.name] else { continue }
            func cell(_ value: Double?, _ digits: Int) -> String {
                value.map { String(format: "%.\(digits)f", $0) } ?? "–"
            }
            let calls = cost.systemCalls ?? [:]
            let named = calls.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(5)
                .map { "\($0.key) \(cell($0.value, 2))" }.joined(separator: ", ")
            let total = cost.systemCalls.map { $0.values.reduce(0, +) }
            say(
                "| \(server.name) | \(cell(total, 2)) | \(named) | \(cell(cost.allocations, 2)) "
                    + "| \(cell(cost.instructions, 0)) | \(cell(cost.busyInstructions, 0)) |"
            )
        }
        say(
            """

            System calls (strace) and allocations (a preloaded count of malloc and its kin) on 64 \
            connections; instructions in user code (callgrind) on one and on 64. Each is the \
            difference of N and 2N round trips. Go has an allocator of its own and does not run under \
            valgrind. What the instructions on 64 connections belong to:

            """
        )
        say("| server | " + Profile.partNames.joined(separator: " | ") + " |")
        say("|---|" + Profile.partNames.map { _ in "--:" }.joined(separator: "|") + "|")
        for server in CostCounter.servers {
            // Of a server whose counts do not repeat, a difference of two may even be negative.
            guard let parts = results.costs[server.name]?.parts,
                parts.values.allSatisfy({ $0 >= 0 })
            else { continue }
            let cells = Profile.partNames.map { String(format: "%.0f", parts[$0] ?? 0) }
            say("| \(server.name) | " + cells.joined(separator: " | ") + " |")
        }
    }
}
