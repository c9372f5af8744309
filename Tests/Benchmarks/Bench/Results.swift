import Foundation

/// All that was measured so far, kept beside the report, so that a run can be gone on with and one
/// scenario be run anew. All of it is of one machine.
struct Results: Codable {
    let machine: Machine
    var outcomes: [String: Outcome] = [:]
    var costs: [String: Cost] = [:]

    /// Nothing yet, on this machine.
    init() { machine = .here() }

    private static func file(in folder: URL) -> URL { folder.appending(path: "results.json") }

    static func read(in folder: URL) throws -> Results {
        let file = file(in: folder)
        guard let data = try? Data(contentsOf: file) else {
            throw Failure("nothing is measured yet: there is no \(file.path)")
        }
        do {
            return try JSONDecoder().decode(Results.self, from: data)
        } catch {
            throw Failure("\(file.path) is not of this version: measure everything anew")
        }
    }

    /// What is stored, to be added to: figures of two machines in one table would be compared.
    static func readToAdd(in folder: URL) throws -> Results {
        let results = try read(in: folder)
        let here = Machine.here()
        guard results.machine == here else {
            throw Failure(
                "what is stored was measured on \(results.machine.caption); this is"
                    + " \(here.caption): measure everything anew"
            )
        }
        return results
    }

    func write(in folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // A line for each scenario: a picture of what changed, without ten thousand lines.
        let parts = [
            "\"machine\":" + String(decoding: try encoder.encode(machine), as: UTF8.self),
            "\"outcomes\":{\n\(try Self.lines(of: outcomes, encoder))\n}",
            "\"costs\":{\n\(try Self.lines(of: costs, encoder))\n}",
        ]
        let text = "{\n" + parts.joined(separator: ",\n") + "\n}\n"
        try text.write(to: Self.file(in: folder), atomically: true, encoding: .utf8)
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
