import Foundation

/// All that was measured so far, kept beside the report so that one scenario can be run anew.
struct Results: Codable {
    var outcomes: [String: Outcome] = [:]
    var costs: [String: Cost] = [:]

    private static let file = Toolbox.report.appending(path: "results.json")

    static func read() -> Results {
        guard let data = try? Data(contentsOf: file) else { return Results() }
        return (try? JSONDecoder().decode(Results.self, from: data)) ?? Results()
    }

    func write() throws {
        try FileManager.default.createDirectory(
            at: Toolbox.report,
            withIntermediateDirectories: true
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // A line for each scenario: a picture of what changed, without ten thousand lines.
        var lines: [String] = []
        for (key, part) in [
            ("outcomes", try Self.lines(of: outcomes, encoder)),
            ("costs", try Self.lines(of: costs, encoder)),
        ] {
            lines.append("\"\(key)\":{\n\(part)\n}")
        }
        let text = "{\n" + lines.joined(separator: ",\n") + "\n}\n"
        try text.write(to: Self.file, atomically: true, encoding: .utf8)
    }

    private static func lines<Value: Encodable>(
        of values: [String: Value],
        _ encoder: JSONEncoder
    ) throws -> String {
        try values.sorted { $0.key < $1.key }.map { key, value in
            "\"\(key)\":" + String(decoding: try encoder.encode(value), as: UTF8.self)
        }.joined(separator: ",\n")
    }
}
