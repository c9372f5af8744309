internal import AsyncSockets
internal import Glibc
internal import SocketSystem
internal import TestKit

@testable import SocketService

/// What happened to workers, for tasks that wait until something has.
final class WorkerLog: Sendable {
    private let stream: AsyncStream<WorkerEvent>
    private let continuation: AsyncStream<WorkerEvent>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func add(_ event: WorkerEvent) { continuation.yield(event) }

    /// Waits for so many events of a kind; all events until then.
    func wait(for kind: WorkerEvent.Kind, count: Int = 1) async -> [WorkerEvent] {
        var seen: [WorkerEvent] = []
        for await event in stream {
            seen.append(event)
            if seen.count(where: { $0.kind == kind }) == count { break }
        }
        return seen
    }
}

/// A pipe with a name, to which scripts write lines: `echo started >"$LINES"`.
final class ScriptLines: Sendable {
    let directory = TemporaryDirectory()
    let path: String
    private let descriptor: CInt
    private let source: ReadinessSource

    init() throws {
        path = directory.file("lines")
        unsafe mkfifo(path, 0o600)
        // For writing, too: it never ends then.
        descriptor = unsafe open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        source = try ReadinessSource(watching: descriptor)
    }

    deinit { close(descriptor) }

    /// Waits for the next line.
    func next() async throws -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            try await source.readable()
            guard unsafe read(descriptor, &byte, 1) == 1 else { continue }
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
    }
}

/// Workers that run a shell script.
func scriptWorkers(
    _ script: String,
    count: Int = 2,
    _ log: WorkerLog,
    sharing sockets: [SharedSocket] = [],
    lines: ScriptLines? = nil,
    _ change: (inout WorkerOptions) -> Void = { _ in }
) -> WorkerProcesses {
    var options = WorkerOptions(count: count, event: { log.add($0) })
    options.executable = "/bin/sh"
    options.arguments = ["-c", script]
    options.environment["LINES"] = lines?.path
    options.backOff = .milliseconds(1)
    change(&options)
    return WorkerProcesses(sharing: sockets, options: options)
}
