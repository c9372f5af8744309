import Foundation

/// A process with an /etc/hosts, an /etc/resolv.conf and an /etc/nsswitch.conf of its own, in a
/// mount namespace: unshare(1), mount(8). It takes root.
struct NameSandbox: ~Copyable {
    private let folder: URL

    /// Whether this machine lets us.
    static let isPossible = (try? run("/usr/bin/env", ["unshare", "-m", "true"]))?.status == 0

    /// - Parameter nameServer: The only address that is asked, on port 53.
    /// - Throws: What the file system throws.
    init(nameServer: String) throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("names-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let files = [
            "hosts": """
            127.0.0.7 four.test
            127.0.0.8 both.test
            ::1 both.test
            127.0.0.9 xn--bcher-kva.test

            """,
            "resolv.conf": "nameserver \(nameServer)\noptions timeout:1 attempts:1\n",
            "nsswitch.conf": "hosts: files dns\nservices: files\n",
        ]
        for (name, text) in files {
            try text.write(
                to: folder.appendingPathComponent(name),
                atomically: true,
                encoding: .utf8
            )
        }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Runs the probe; returns the lines that it prints.
    func probe(_ argument: String) throws -> [String] {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let probe = URL(fileURLWithPath: tests).deletingLastPathComponent()
            .appendingPathComponent("NameProbe").path
        let script = """
            for file in hosts resolv.conf nsswitch.conf
            do mount --bind "$1/$file" "/etc/$file" || exit 1
            done
            exec timeout 50 "$2" "$3"
            """
        let output = try Self.run(
            "/usr/bin/env",
            ["unshare", "-m", "sh", "-c", script, "sh", folder.path, probe, argument]
        )
        return output.text.split(separator: "\n").map(String.init) + ["status \(output.status)"]
    }

    private static func run(
        _ program: String,
        _ arguments: [String]
    ) throws -> (status: Int32, text: String) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(),
            as: UTF8.self
        )
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
