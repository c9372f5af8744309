import Foundation

/// The file in which a server counts the connections of each of its threads (`Spread/Spread.c`).
struct Spread {
    private static let threads = 64

    let path = FileManager.default.temporaryDirectory
        .appending(path: "bench-\(getpid())-spread").path

    init() throws {
        let size = Self.threads * MemoryLayout<UInt64>.size
        try Data(count: size).write(to: URL(filePath: path))
    }

    var environment: [String: String] { ["SPREAD_FILE": path] }

    /// The counts of the threads that took any, or nil if the server does not count.
    func counts() -> [Int]? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let counts = data.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
            .filter { $0 > 0 }.map { Int($0) }
        return counts.isEmpty ? nil : counts
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
