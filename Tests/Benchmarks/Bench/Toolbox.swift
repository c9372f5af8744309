import Foundation

/// An executable of the benchmarks.
enum Tool: String, CaseIterable, Sendable {
    case load, bare, ours, nio, flyingSocks = "flyingsocks"
    case go = "go-peer"
    case libuv = "libuv-peer"
    case tokio = "tokio-peer"

    var path: String {
        switch self {
        case .load, .bare, .ours, .nio, .flyingSocks:
            Toolbox.package.appending(path: ".build/release/\(rawValue)").path
        case .go, .libuv, .tokio: Toolbox.peers.appending(path: rawValue).path
        }
    }

    var isBuilt: Bool {
        FileManager.default.isExecutableFile(atPath: path)
    }
}

/// The paths of programs, and how they are built.
enum Toolbox {
    static let package = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().standardizedFileURL
    static let root = package.deletingLastPathComponent().deletingLastPathComponent()
    static let report = root.appending(path: "Documentation/Benchmarks")
    static let peers = package.appending(path: ".build/peers")
    static let allocationsLibrary = peers.appending(path: "allocations.so")

    /// Builds our own servers and what measures them, no peers.
    static func buildOurs() throws {
        tell("building our servers and the load generator")
        for product in ["load", "ours"] { try swiftBuild(["--product", product]) }
        try buildCounter()
    }

    private static func swiftBuild(_ options: [String]) throws {
        let command = ["swift", "build", "-c", "release", "--package-path", package.path]
        let result = Child.output(command + options)
        guard result.status == 0 else {
            throw Failure("swift build failed:\n\(result.text.suffix(4000))")
        }
    }

    private static func buildCounter() throws {
        try FileManager.default.createDirectory(at: peers, withIntermediateDirectories: true)
        let result = Child.output([
            "cc", "-O2", "-fPIC", "-shared", package.path + "/Allocations/Allocations.c",
            "-o", allocationsLibrary.path, "-ldl",
        ])
        guard result.status == 0 else { throw Failure("cc failed:\n\(result.text)") }
    }

    /// Builds everything there is a tool for; says what is left out and why.
    static func buildAll() throws {
        tell("building the servers and the load generator")
        try swiftBuild([])
        try buildCounter()
        let here = package.path
        build(.go, with: "go") {
            Child.output(["env", "-C", here + "/Peers/Go", "go", "build", "-o", Tool.go.path, "."])
        }
        build(.libuv, with: "cc") {
            Child.output([
                "cc", "-O2", "-I\(here)/Support/include", "\(here)/Peers/Libuv/main.c",
                "\(here)/Support/Support.c", "-o", Tool.libuv.path, "-luv",
            ])
        }
        build(.tokio, with: "cargo", buildTokio)
    }

    /// Builds from a registry, or if Debian's librust-tokio-dev is installed, from its sources.
    private static func buildTokio() -> (status: Int32, text: String) {
        var words = ["env", "-C", package.path + "/Peers/Tokio", "cargo"]
        let debian = "/usr/share/cargo/registry"
        if (try? FileManager.default.contentsOfDirectory(atPath: debian))?
            .contains(where: { $0.hasPrefix("tokio-1") }) == true
        {
            words += ["--config", "source.crates-io.replace-with=\"debian\""]
            words += ["--config", "source.debian.directory=\"\(debian)\"", "--offline"]
        }
        let target = peers.appending(path: "tokio").path
        let result = Child.output(words + ["build", "--release", "--target-dir", target])
        guard result.status == 0 else { return result }
        return Child.output(["cp", "\(target)/release/tokio-peer", Tool.tokio.path])
    }

    /// A copy without debug information, which valgrind does not understand in every linker's
    /// version.
    static func stripped(_ path: String) -> String {
        let copy = peers.appending(path: "stripped").path
        return Child.output(["strip", "--strip-debug", "-o", copy, path]).status == 0 ? copy : path
    }

    private static func build(
        _ tool: Tool,
        with command: String,
        _ body: () -> (status: Int32, text: String)
    ) {
        guard Child.output(["which", command]).status == 0 else {
            tell("skipped \(tool.rawValue): there is no \(command) here")
            return
        }
        let result = body()
        guard result.status != 0 else { return }
        try? FileManager.default.removeItem(atPath: tool.path)
        let reason = result.text.split(separator: "\n").last { $0.contains("error") } ?? ""
        tell("skipped \(tool.rawValue): it does not build here: \(reason)")
    }
}

/// What went wrong, as a sentence.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Prints a line at once, into a pipe too.
func tell(_ line: String) {
    print(line)
    fflush(nil)
}
