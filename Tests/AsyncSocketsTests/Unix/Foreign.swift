import Glibc
import SocketSystem
import TestKit

/// Programs that share no line with the library.
enum Foreign {
    static let hasPython = isInstalled("python3")
    static let hasSocat = isInstalled("socat")
    static let hasCompiler = isInstalled("cc")

    private static func isInstalled(_ program: String) -> Bool {
        guard let path = environmentVariable("PATH") else { return false }
        return path.split(separator: ":").contains { fileExists("\($0)/\(program)") }
    }

    /// What a shell command prints, run on a thread of its own.
    static func output(of command: String) async -> String {
        await onThread {
            guard let pipe = unsafe popen(command, "r") else { return "" }
            var output: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = unsafe fread(&buffer, 1, buffer.count, pipe)
                if count == 0 { break }
                output += buffer[..<count]
            }
            unsafe pclose(pipe)
            return String(decoding: output, as: UTF8.self)
        }
    }

    /// What a Python script prints, errors included; its argument is the directory.
    static func python(_ script: String, in directory: TemporaryDirectory) async -> String {
        await output(
            of: "exec timeout 50 python3 - '\(directory.path)' 2>&1 <<'END'\n\(script)\nEND"
        )
    }
}
