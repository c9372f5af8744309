import AsyncSockets
import Foundation

/// This program once more, as a server on a backend.
struct ServerProcess {
    private let process = Process()
    private let output = Pipe()
    /// The address that it listens at.
    let address: String

    init(backend: EventLoopGroup.Backend) throws {
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["serve", backend.name]
        process.standardOutput = output
        try process.run()
        // Its first line, which it writes at once.
        let words = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            .split(whereSeparator: \.isWhitespace)
        guard words.count >= 3, words[0] == "listening" else {
            throw DidNotStart(backend: backend)
        }
        address = String(words[2])
    }

    /// Ends it; what else it has said.
    func end() -> String {
        process.terminate()
        process.waitUntilExit()
        let rest = (try? output.fileHandleForReading.readToEnd()) ?? Data()
        return String(decoding: rest, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    /// How long its threads have run, in microseconds: the first number of each `schedstat`.
    var microsecondsRun: Double {
        let tasks = "/proc/\(process.processIdentifier)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.reduce(0) { sum, thread in
            let text = try? String(contentsOfFile: "\(tasks)/\(thread)/schedstat", encoding: .utf8)
            return sum + (text?.split(separator: " ").first.flatMap { Double($0) } ?? 0) / 1000
        }
    }
}

/// A server that ended before it listened.
struct DidNotStart: Error, CustomStringConvertible {
    let backend: EventLoopGroup.Backend

    var description: String { "no server could be started on \(backend)" }
}
