import Foundation

/// Instructions and allocations per round trip as committed, which must not creep up.
enum Baseline {
    private struct Entry: Codable {
        var instructions: Double
        var allocations: Double
    }

    private static let file = Toolbox.package.appending(path: "baseline.json")
    private static let servers: [Server] = [.serve, .readInto, .loops]
    /// What is still the same: 5 %, and for counts near zero a hundredth of an allocation.
    private static let tolerance = 1.05
    private static let slack = 0.01

    private static func measure() throws -> [String: Entry] {
        var entries: [String: Entry] = [:]
        for server in servers {
            let cost = CostCounter(server: server).count(systemCalls: false)
            guard let instructions = cost.instructions, let allocations = cost.allocations else {
                throw Failure("\(server.name): \(cost.failures.joined(separator: "; "))")
            }
            entries[server.name] = Entry(
                instructions: instructions.rounded(),
                allocations: (allocations * 1000).rounded() / 1000
            )
        }
        return entries
    }

    static func write() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let data = try encoder.encode(measure())
        try (data + Data("\n".utf8)).write(to: file)
        tell("wrote \(file.lastPathComponent)")
    }

    /// Whether nothing grew beyond the tolerance.
    static func check() throws -> Bool {
        let baseline = try JSONDecoder().decode(
            [String: Entry].self,
            from: Data(contentsOf: file)
        )
        var isGood = true
        for (name, entry) in try measure().sorted(by: { $0.key < $1.key }) {
            guard let base = baseline[name] else { continue }
            let more = entry.instructions > base.instructions * tolerance
            let allocates = entry.allocations > base.allocations * tolerance + slack
            isGood = isGood && !more && !allocates
            tell(
                "\(name): \(Int(entry.instructions)) instructions a round trip"
                    + " (baseline \(Int(base.instructions)))\(more ? ", GROWN" : ""),"
                    + " \(entry.allocations) allocations"
                    + " (baseline \(base.allocations))\(allocates ? ", GROWN" : "")"
            )
        }
        return isGood
    }
}
