import Foundation

/// Instructions and allocations per operation as committed, which must not creep up.
enum Baseline {
    private struct Entry: Codable {
        var instructions: Double
        var allocations: Double
    }

    private static let file = Toolbox.package.appending(path: "baseline.json")
    private static let counters: [(name: String, counter: CostCounter)] =
        [Server.serve, .readInto, .loops, .ourDatagrams, .ourDatagramsInto].map {
            ($0.name, CostCounter(server: $0))
        } + [
            ("AsyncSockets serve, Unix", CostCounter(server: .serve, address: .unix)),
            // So large that an idle socket does not keep the memory that it lay in.
            (
                "AsyncSockets receive(into:), 4 KiB",
                CostCounter(server: .ourDatagramsInto, message: 4096)
            ),
        ]
    /// What is still the same: 5 %, and for counts near zero a hundredth of an allocation.
    private static let tolerance = 1.05
    private static let slack = 0.01

    private static func measure(_ name: String, _ counter: CostCounter) throws -> Entry {
        do {
            let (instructions, allocations) = try counter.countForBaseline()
            return Entry(
                instructions: instructions.rounded(),
                allocations: (allocations * 1000).rounded() / 1000
            )
        } catch {
            throw Failure("\(name): \(error)")
        }
    }

    static func write() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        var entries: [String: Entry] = [:]
        for (name, counter) in counters { entries[name] = try measure(name, counter) }
        let data = try encoder.encode(entries)
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
        for (name, counter) in counters {
            guard let base = baseline[name] else {
                tell("\(name): not in the baseline, write it anew")
                isGood = false
                continue
            }
            var entry = try measure(name, counter)
            // On a busy machine a message comes in two now and then: once more, before it counts.
            if hasGrown(entry, since: base) { entry = try measure(name, counter) }
            let grown = hasGrown(entry, since: base)
            isGood = isGood && !grown
            tell(
                "\(name): \(Int(entry.instructions)) instructions"
                    + " (baseline \(Int(base.instructions))),"
                    + " \(entry.allocations) allocations (baseline \(base.allocations))"
                    + (grown ? ", GROWN" : "")
            )
        }
        return isGood
    }

    private static func hasGrown(_ entry: Entry, since base: Entry) -> Bool {
        entry.instructions > base.instructions * tolerance
            || entry.allocations > base.allocations * tolerance + slack
    }
}
