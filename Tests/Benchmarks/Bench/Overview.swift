/// The pictures over several scenarios, at the top of the page.
extension Report {
    struct Overview {
        let name: String
        let title: String
        let drawing: Picture
    }

    func overview() -> [Overview] {
        [
            summary(), connections(), pollers(),
            results.outcomes["latency"].flatMap(latency), results.outcomes["idle"].flatMap(memory),
        ].compactMap { $0 }
    }

    // MARK: - Ours beside bare C

    /// One of ours in each scenario that has it, beside the first of the scenario.
    private func summary() -> Overview? {
        let ours = [Server.serve.name, Server.ourSegments.name, Server.ourDatagrams.name]
        let rows = Scenario.all.compactMap { scenario -> (String, Outcome, String)? in
            guard let outcome = results.outcomes[scenario.name] else { return nil }
            let measured = Set(outcome.series.filter { !$0.rounds.isEmpty }.map(\.server))
            let best =
                scenario.threads > 1 && scenario.name.contains("churn")
                ? [Server.sharded.name] + ours : ours
            return best.first(where: measured.contains).map { (scenario.name, outcome, $0) }
        }
        guard rows.count > 1 else { return nil }
        func values(_ value: (Measurement) -> Double) -> [String: Double] {
            rows.reduce(into: [:]) { $0[$1.0] = $1.1.ratio($1.2, value) }
        }
        let chart = BarChart(
            title: "AsyncSockets beside bare C, every scenario",
            caption: "bare C = 1; " + results.machine.caption,
            rows: rows.map(\.0),
            panels: [
                BarChart.Panel(axis: "rate, a ratio (more is better)", values: values(\.rate)),
                BarChart.Panel(
                    axis: "CPU time per operation, a ratio (less is better)",
                    values: values(\.server.cpuUsPerOperation)
                ),
            ],
            colour: { _ in "ours" }
        )
        return Overview(name: "summary", title: chart.title, drawing: chart.draw())
    }

    // MARK: - Curves over the number of connections

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

    private func connections() -> Overview? {
        let points = points(of: "connections")
        guard points.count > 1 else { return nil }
        let curves = Server.streams.filter { $0.name != Server.asyncOnLoop.name }.map {
            curve(
                $0.name,
                over: points,
                colour: Palette.curve(of: $0.name),
                dashed: $0.name == Server.edge.name
            )
        }
        let chart = LineChart(
            title: "Round trips a second against the number of connections",
            caption: results.machine.caption,
            xAxis: "connections, each with one 64-byte message under way",
            yAxis: "round trips a second",
            curves: curves
        )
        return Overview(name: "connections", title: chart.title, drawing: chart.draw())
    }

    private func pollers() -> Overview? {
        let points = points(of: "pollers")
        guard points.count > 1 else { return nil }
        let ways = [
            ("C epoll edge", "AsyncSockets serve", "ours"),
            ("C epoll level", "AsyncSockets epoll-level", "libuv"),
            ("C poll", "AsyncSockets poll", "tokio"),
            ("C select", "AsyncSockets select", "handlers"),
        ]
        let curves = ways.flatMap { bare, ours, colour in
            [
                curve(ours, over: points, colour: colour),
                curve(bare, over: points, colour: colour, dashed: true),
            ]
        }
        let chart = LineChart(
            title: "Ten active clients in a growing crowd: select, poll, epoll",
            caption: results.machine.caption,
            xAxis: "connections, ten of them active",
            yAxis: "round trips a second",
            curves: curves,
            yIsLogarithmic: true
        )
        return Overview(name: "pollers", title: chart.title, drawing: chart.draw())
    }

    // MARK: - Latency and memory

    private func latency(_ outcome: Outcome) -> Overview? {
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
            caption: results.machine.caption,
            xAxis: "percentile of all messages, from the time each was due",
            yAxis: "microseconds",
            curves: curves,
            xWords: parts.map(\.0),
            yIsLogarithmic: true
        )
        return Overview(name: "latency-percentiles", title: chart.title, drawing: chart.draw())
    }

    private func memory(_ outcome: Outcome) -> Overview? {
        let values = outcome.series.reduce(into: [:]) { values, series in
            values[series.server] = outcome.median(series.server, \.bytesPerConnection)
        }
        let chart = BarChart(
            title: "Memory of an idle connection",
            caption: results.machine.caption,
            rows: outcome.series.map(\.server),
            panels: [
                BarChart.Panel(
                    axis: "bytes of resident memory per connection, of 10,000 echoed once (less is"
                        + " better)",
                    values: values,
                    isRatio: false
                )
            ]
        )
        return Overview(name: "memory", title: chart.title, drawing: chart.draw())
    }
}
