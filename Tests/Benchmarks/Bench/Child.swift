import Foundation

/// A server under way, pinned to processor cores.
final class Child {
    let process = Process()
    private let output = Pipe()
    /// The file that takes what it says on standard error.
    private let complaints = FileManager.default.temporaryDirectory
        .appending(path: "bench-\(UUID().uuidString)")

    /// A server must not outlive a run that is interrupted.
    private static let endsWithUs =
        output(["which", "setpriv"]).status == 0 ? ["setpriv", "--pdeathsig", "KILL"] : []

    var pid: Int32 { process.processIdentifier }

    init(_ words: [String], cores: String?, environment: [String: String] = [:]) throws {
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = Self.endsWithUs + (cores.map { ["taskset", "-c", $0] } ?? []) + words
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = output
        try Data().write(to: complaints)
        process.standardError = try FileHandle(forWritingTo: complaints)
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    /// The address on its first line; a server has a minute to say it.
    func address() throws -> String {
        var line = Data()
        while true {
            let descriptor = output.fileHandleForReading.fileDescriptor
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 60_000) == 1 else {
                throw Failure("did not start listening within a minute: \(lastWords())")
            }
            let byte = try output.fileHandleForReading.read(upToCount: 1) ?? Data()
            if byte.isEmpty || byte == Data("\n".utf8) { break }
            line += byte
        }
        let text = String(decoding: line, as: UTF8.self)
        let prefix = "listening on "
        guard text.hasPrefix(prefix) else {
            throw Failure("did not start listening: \(text) \(lastWords())")
        }
        return String(text.dropFirst(prefix.count))
    }

    /// The end of what it said on standard error.
    func lastWords() -> String {
        String(((try? String(contentsOf: complaints, encoding: .utf8)) ?? "").suffix(300))
            .replacingOccurrences(of: "\n", with: " ")
    }

    /// Ends it, however it takes that, and waits until it is gone.
    func end(_ signal: Int32 = SIGKILL) {
        if process.isRunning { kill(pid, signal) }
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: complaints)
    }

    /// How the process ended, when it did so by itself.
    var death: String? {
        guard !process.isRunning else { return nil }
        let how = process.terminationReason == .uncaughtSignal ? "signal" : "status"
        return "the server ended by itself with \(how) \(process.terminationStatus): "
            + lastWords()
    }

    /// Runs a command to its end; what it printed, on either stream.
    static func output(_ words: [String]) -> (status: Int32, text: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return (127, "\(words) cannot be run") }
        let data = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
