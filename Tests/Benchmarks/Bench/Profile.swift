import Foundation

/// Where the instructions of a round trip go, by function.
enum Profile {
    /// Prints the functions that a round trip spends most in, themselves.
    static func show(_ server: Server, count: Int) throws {
        func functions(_ roundTrips: Int) throws -> [String: Double] {
            let file = try CostCounter(server: server).callgrind(roundTrips)
            defer { try? FileManager.default.removeItem(atPath: file) }
            let command = ["callgrind_annotate", "--threshold=100", "--show-percs=no", file]
            return parse(Child.output(command).text)
        }
        let once = try functions(count)
        let each = try functions(2 * count).map { name, value in
            (name: name, value: (value - (once[name] ?? 0)) / Double(count))
        }
        let total = each.reduce(0) { $0 + $1.value }
        tell("\(server.name): \(Int(total)) instructions a round trip")
        let most = each.sorted { $0.value > $1.value }.prefix(50)
        let lines = most.map { String(format: "%7.1f  ", $0.value) + $0.name }
        let file = FileManager.default.temporaryDirectory.appending(path: "bench-\(getpid())")
        try lines.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        tell(Child.output(["sh", "-c", "swift demangle --simplified < '\(file.path)'"]).text)
    }

    /// The lines `instructions  file:function [object]`.
    private static func parse(_ text: String) -> [String: Double] {
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2, let place = words[1].firstIndex(of: ":"),
                let value = Double(words[0].filter { $0 != "," })
            else { continue }
            let name = words[1][words[1].index(after: place)...]
            let parts = name.components(separatedBy: " [")
            let object = parts.last?.split(separator: "/").last?.dropLast() ?? ""
            values["\(parts[0])  (\(object))", default: 0] += value
        }
        return values
    }
}
