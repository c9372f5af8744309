import Glibc

/// What the command line asks for.
struct StressOptions {
    enum Part: String, CaseIterable {
        case refused, model, faults
    }

    /// What is tried, in this order.
    var parts = Part.allCases
    /// How long, in all.
    var minutes = 1.0
    /// The one program to try; nil for many.
    var seed: UInt64?

    /// Nil if they cannot be understood.
    init?(_ arguments: some Collection<String>) {
        var rest = arguments.makeIterator()
        while let argument = rest.next() {
            switch argument {
            case "--minutes":
                guard let value = rest.next().flatMap(Double.init), value > 0 else { return nil }
                minutes = value
            case "--seed":
                guard let value = rest.next().flatMap({ UInt64($0) }) else { return nil }
                seed = value
            default:
                guard let part = Part(rawValue: argument) else { return nil }
                parts = [part]
            }
        }
    }

    /// The share of the time that a part has.
    var share: Duration { .seconds(min(minutes, 1e9) * 60 / Double(parts.count)) }
}

/// Prints a line, at once: a log is read while the tool runs.
func say(_ line: String) {
    print(line)
    fflush(nil)
}
