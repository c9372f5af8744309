import Foundation

/// What the load generator prints about one run, as far as the report needs it.
struct Measurement: Codable {
    var operations: Int
    var rate: Double
    var failed: Int
    var lost: Int
    var stalled: Int
    /// What the first of the failed operations says.
    var complaint: String?
    /// Processors that were busy with something else.
    var others: Double?
    /// The number of connections that each of the server's threads took, if the server counts them.
    var spread: [Int]?
    var latencyUs: Latency
    var bytesPerConnection: Double
    var server: Usage
    var generator: Usage

    /// Times that the server gave its processor up by itself, for each operation.
    var switchesPerOperation: Double {
        Double(server.voluntarySwitches) / Double(max(operations, 1))
    }

    /// How far the thread that is furthest from an even share is from it, as a part of that share.
    func unevenness(threads: Int) -> Double? {
        guard let spread, threads > 0 else { return nil }
        let even = Double(spread.reduce(0, +)) / Double(threads)
        let counts = spread + Array(repeating: 0, count: max(0, threads - spread.count))
        return counts.map { abs(Double($0) - even) / even }.max()
    }

    struct Latency: Codable {
        var p50, p90, p99, p999, max: Double
    }

    struct Usage: Codable {
        var cpu, user, system, cpuUsPerOperation: Double
        var voluntarySwitches: Int
        var rssKib: Int
    }

    static func decode(_ text: String) throws -> Measurement {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Measurement.self, from: Data(text.utf8))
    }
}

/// The rounds of one server in one scenario.
struct Series: Codable {
    let server: String
    /// The server that its ratios refer to; nil for the first of the scenario.
    var reference: String?
    var rounds: [Measurement] = []
    /// Why it was not measured, or not to the end.
    var failure: String?
}

/// One scenario, measured.
struct Outcome: Codable {
    let scenario: String
    var date = Date.now.formatted(.iso8601.year().month().day())
    var series: [Series]

    private func rounds(_ server: String) -> [Measurement] {
        series.first { $0.server == server }?.rounds ?? []
    }

    /// The median over the rounds.
    func median(_ server: String, _ value: (Measurement) -> Double) -> Double? {
        rounds(server).map(value).median
    }

    /// The median of the ratios to the reference in the same round.
    func ratio(_ server: String, _ value: (Measurement) -> Double) -> Double? {
        let own = series.first { $0.server == server }?.reference
        let base = rounds(own ?? series.first?.server ?? "")
        let pairs = zip(rounds(server), base).filter { value($1) > 0 }
        return pairs.map { value($0) / value($1) }.median
    }
}

extension Array where Element == Double {
    /// The middle one; the mean of the two in the middle of an even number.
    var median: Double? {
        guard !isEmpty else { return nil }
        let sorted = self.sorted()
        let half = count / 2
        return count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
    }
}
