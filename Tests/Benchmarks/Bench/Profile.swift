import Foundation

/// The instructions of a round trip, by function.
struct Profile {
    struct Function {
        let name: String
        /// The program or library that it is in.
        let object: String
        /// Instructions of its own in one round trip.
        let instructions: Double
    }

    let functions: [Function]

    var total: Double {
        functions.reduce(0) { $0 + $1.instructions }
    }

    /// Instructions by what the code belongs to.
    var parts: [String: Double] {
        functions.reduce(into: [:]) { $0[Self.part(of: $1.object), default: 0] += $1.instructions }
    }

    static let partNames = [
        "the program", "Swift's concurrency runtime", "Swift's core runtime", "the C library",
        "other libraries",
    ]

    private static func part(of object: String) -> String {
        switch object {
        case "stripped": "the program"
        case "libswift_Concurrency.so": "Swift's concurrency runtime"
        case "libswiftCore.so": "Swift's core runtime"
        case let name where name.hasPrefix("libc.") || name.hasPrefix("ld-linux"): "the C library"
        default: "other libraries"
        }
    }

    /// Runs a server under callgrind for `count` and for twice as many round trips.
    init(counter: CostCounter, count: Int, connections: Int) throws {
        func measure(_ roundTrips: Int) throws -> [String: Double] {
            let file = try counter.callgrind(roundTrips, connections: connections)
            defer { try? FileManager.default.removeItem(atPath: file) }
            let command = ["callgrind_annotate", "--threshold=100", "--show-percs=no", file]
            return Self.parse(Child.output(command).text)
        }
        let once = try measure(count)
        functions = try measure(2 * count).map { key, value in
            let words = key.components(separatedBy: " [")
            let object = words.last?.split(separator: "/").last?.dropLast() ?? ""
            return Function(
                name: words[0],
                object: String(object),
                instructions: (value - (once[key] ?? 0)) / Double(count)
            )
        }
    }

    /// The lines `instructions  file:function [object]`, by what follows the file.
    private static func parse(_ text: String) -> [String: Double] {
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2, let place = words[1].firstIndex(of: ":"),
                let value = Double(words[0].filter { $0 != "," })
            else { continue }
            values[String(words[1][words[1].index(after: place)...]), default: 0] += value
        }
        return values
    }

    /// Prints the functions that take most.
    func show(_ title: String) throws {
        tell("\(title): \(Int(total)) instructions")
        for part in Self.partNames {
            tell(String(format: "%7.0f  ", parts[part] ?? 0) + part)
        }
        let lines = functions.sorted { $0.instructions > $1.instructions }.prefix(50)
            .map { String(format: "%7.1f  ", $0.instructions) + "\($0.name)  (\($0.object))" }
        let file = FileManager.default.temporaryDirectory.appending(path: "bench-\(getpid())")
        try lines.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        tell(Child.output(["sh", "-c", "swift demangle --simplified < '\(file.path)'"]).text)
    }
}
