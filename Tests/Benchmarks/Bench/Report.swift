import Foundation

/// Writes the pictures and the page from what was measured.
struct Report {
    let results: Results
    private var page = ""

    init(_ results: Results) {
        self.results = results
    }

    static func write(_ results: Results) throws {
        var report = Report(results)
        try report.writeAll()
        tell("wrote \(Toolbox.report.appending(path: "README.md").path)")
    }

    private mutating func writeAll() throws {
        say(
            """
            # Benchmarks

            Each scenario puts the same load on every server in turns (A B C A B C …). The figures are \
            medians; a ratio compares with the bare C server in the same round, and is the figure to \
            trust: absolute ones are of one machine on one day. [Method.md](Method.md) says how it is \
            measured, and what it does not show; [WaysToWait.md](WaysToWait.md) reads the picture of \
            select, poll and epoll. This page is written by `swift run -c release bench` \
            in `Tests/Benchmarks`.

            """
        )
        try writeOverview()
        for scenario in Scenario.all {
            guard let outcome = results.outcomes[scenario.name] else { continue }
            try write(scenario, outcome)
        }
        writeCosts()
        try page.write(
            to: Toolbox.report.appending(path: "README.md"),
            atomically: true,
            encoding: .utf8
        )
    }

    private mutating func say(_ text: String) {
        page += text + "\n"
    }

    private mutating func show(_ picture: Picture, as name: String, _ words: String) throws {
        try picture.svg.write(
            to: Toolbox.report.appending(path: name + ".svg"),
            atomically: true,
            encoding: .utf8
        )
        say("![\(words)](\(name).svg)\n")
    }

    // MARK: - Charts over several scenarios

    private mutating func writeOverview() throws {
        try writeSeries()
        if let outcome = results.outcomes["latency"] { try writeLatency(outcome) }
        if let outcome = results.outcomes["idle"] { try writeMemory(outcome) }
    }

    /// A scenario's outcome and its place on the axis, for each that belongs to the chart.
    private func points(of chart: String) -> [(position: Double, outcome: Outcome)] {
        Scenario.all.compactMap { scenario in
            guard let series = scenario.series, series.chart == chart,
                let outcome = results.outcomes[scenario.name]
            else { return nil }
            return (Double(series.position), outcome)
        }
    }

    private func curve(
        _ server: String,
        over points: [(position: Double, outcome: Outcome)],
        colour: String,
        dashed: Bool = false
    ) -> LineChart.Curve {
        let values = points.compactMap { point in
            point.outcome.median(server, \.rate).map { (x: point.position, y: $0) }
        }
        return LineChart.Curve(name: server, colour: colour, dashed: dashed, points: values)
    }

    private mutating func writeSeries() throws {
        let connections = points(of: "connections")
        if connections.count > 1, let machine = connections.first?.outcome.machine {
            let curves = Server.streams.filter { $0.name != Server.asyncOnLoop.name }.map {
                curve(
                    $0.name,
                    over: connections,
                    colour: Palette.curve(of: $0.name),
                    dashed: $0.name == Server.edge.name
                )
            }
            let chart = LineChart(
                title: "Round trips a second against the number of connections",
                caption: machine.caption,
                xAxis: "connections, each with one 64-byte message under way",
                yAxis: "round trips a second",
                curves: curves
            )
            try show(chart.draw(), as: "connections", chart.title)
        }
        let pollers = points(of: "pollers")
        guard pollers.count > 1, let machine = pollers.first?.outcome.machine else { return }
        let ways = [
            ("C epoll edge", "AsyncSockets serve", "ours"),
            ("C epoll level", "AsyncSockets epoll-level", "libuv"),
            ("C poll", "AsyncSockets poll", "tokio"),
            ("C select", "AsyncSockets select", "handlers"),
        ]
        let curves = ways.flatMap { bare, ours, colour in
            [
                curve(ours, over: pollers, colour: colour),
                curve(bare, over: pollers, colour: colour, dashed: true),
            ]
        }
        let chart = LineChart(
            title: "Ten active clients in a growing crowd: select, poll, epoll",
            caption: machine.caption,
            xAxis: "connections, ten of them active",
            yAxis: "round trips a second",
            curves: curves,
            yIsLogarithmic: true
        )
        try show(chart.draw(), as: "pollers", chart.title)
    }

    private mutating func writeLatency(_ outcome: Outcome) throws {
        let parts: [(String, (Measurement) -> Double)] = [
            ("p50", \.latencyUs.p50), ("p90", \.latencyUs.p90), ("p99", \.latencyUs.p99),
            ("p99.9", \.latencyUs.p999),
        ]
        let curves = outcome.series.filter { $0.failure == nil }.map { series in
            LineChart.Curve(
                name: series.server,
                colour: Palette.curve(of: series.server),
                dashed: series.server.hasPrefix("C "),
                points: parts.enumerated().compactMap { index, part in
                    outcome.median(series.server, part.1).map { (x: Double(index), y: $0) }
                }
            )
        }
        let chart = LineChart(
            title: "Latency at 20,000 round trips a second, 64 connections",
            caption: outcome.machine.caption,
            xAxis: "percentile of all messages, from the time each was due",
            yAxis: "microseconds",
            curves: curves,
            xWords: parts.map(\.0),
            yIsLogarithmic: true
        )
        try show(chart.draw(), as: "latency-percentiles", chart.title)
    }

    private mutating func writeMemory(_ outcome: Outcome) throws {
        let values = outcome.series.reduce(into: [:]) { values, series in
            values[series.server] = outcome.median(series.server, \.bytesPerConnection)
        }
        let chart = BarChart(
            title: "Memory of an idle connection",
            caption: outcome.machine.caption,
            servers: outcome.series.map(\.server),
            panels: [
                BarChart.Panel(
                    axis: "bytes of resident memory per connection, of 10,000 echoed once (less is"
                        + " better)",
                    values: values,
                    isRatio: false
                )
            ]
        )
        try show(chart.draw(), as: "memory", chart.title)
    }

    // MARK: - One scenario

    private mutating func write(_ scenario: Scenario, _ outcome: Outcome) throws {
        say("## \(scenario.title)\n")
        // Where ratios refer to different servers, bars beside each other would mislead.
        if outcome.series.allSatisfy({ $0.reference == nil }) {
            try show(bars(scenario, outcome).draw(), as: scenario.name, scenario.title)
        }
        say("| server | per second | ratio | CPU µs | ratio | p50 µs | p99 µs | ratio | load CPU |")
        say("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
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
        say(
            "\nOne operation is one \(scenario.operation)."
                + " \(outcome.series.first?.rounds.count ?? 0) rounds on \(outcome.machine.date):"
                + " \(outcome.machine.caption).\n"
        )
    }

    private func bars(_ scenario: Scenario, _ outcome: Outcome) -> BarChart {
        func ratios(_ value: (Measurement) -> Double) -> [String: Double] {
            outcome.series.reduce(into: [:]) { $0[$1.server] = outcome.ratio($1.server, value) }
        }
        let base = outcome.series.first?.server ?? ""
        return BarChart(
            title: scenario.title,
            caption: outcome.machine.caption,
            servers: outcome.series.map(\.server),
            panels: [
                BarChart.Panel(
                    axis: "rate, \(base) = 1 (more is better)",
                    values: ratios(\.rate)
                ),
                BarChart.Panel(
                    axis: "CPU time per \(scenario.operation), \(base) = 1 (less is better)",
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
            cell(outcome.median(server, \.latencyUs.p50), 0),
            cell(outcome.median(server, \.latencyUs.p99), 0),
            cell(outcome.ratio(server, \.latencyUs.p99), 2),
            cell(outcome.median(server, \.generator.cpuUsPerOperation), 2),
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    // MARK: - Counted costs

    private mutating func writeCosts() {
        guard !results.costs.isEmpty else { return }
        say("## What a 64-byte round trip costs, counted\n")
        say("| server | system calls | of which | allocations | instructions |")
        say("|---|--:|---|--:|--:|")
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
                    + "| \(cell(cost.instructions, 0)) |"
            )
        }
        say(
            """

            System calls (strace) and allocations (a preloaded count of malloc and its kin) on 64 \
            connections; instructions in user code (callgrind) on one. Each is the difference of N \
            and 2N round trips. Go has an allocator of its own and does not run under valgrind. What \
            the instructions belong to:

            """
        )
        say("| server | " + Profile.partNames.joined(separator: " | ") + " |")
        say("|---|" + Profile.partNames.map { _ in "--:" }.joined(separator: "|") + "|")
        for server in CostCounter.servers {
            guard let parts = results.costs[server.name]?.parts else { continue }
            let cells = Profile.partNames.map { String(format: "%.0f", parts[$0] ?? 0) }
            say("| \(server.name) | " + cells.joined(separator: " | ") + " |")
        }
    }
}
