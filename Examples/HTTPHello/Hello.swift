import AsyncSockets
internal import Synchronization

/// Answers every request with a greeting.
final class Hello: Sendable {
    /// Whether answers say that the connection ends.
    private let isLeaving = Atomic<Bool>(false)

    /// From now on each client is told with its next answer that the connection ends. A client that
    /// hears so knows that a request it has sent meanwhile was not looked at.
    func leave() { isLeaving.store(true, ordering: .relaxed) }

    /// Serves one client: all requests that came together are answered by one write.
    ///
    /// A request must be whole ten seconds after it began, however slowly it comes. An idle client
    /// has a minute, and one that does not take its answer ten seconds.
    func serve(_ connection: StreamConnection) async throws {
        var parser = RequestParser()
        var end = ContinuousClock.now + .seconds(10)
        while let chunk = try await read(connection, until: end) {
            let wasIdle = parser.isIdle
            parser.add(chunk)
            let (answers, closes) = answer(&parser)
            if !answers.isEmpty {
                try await withTimeout(.seconds(10)) { try await connection.write(answers) }
            }
            if closes { return try await finish(connection) }
            if parser.isIdle {
                end = .now + .seconds(60)
            } else if wasIdle || !answers.isEmpty {
                end = .now + .seconds(10)
            }
        }
    }

    private func read(
        _ connection: StreamConnection,
        until end: ContinuousClock.Instant
    ) async throws -> [UInt8]? {
        try await withTimeout(end - .now) { try await connection.read(atMost: 64 * 1024) }
    }

    /// The answers to the requests that are whole, and whether the last one ends the connection.
    private func answer(_ parser: inout RequestParser) -> (answers: [UInt8], closes: Bool) {
        var answers: [UInt8] = []
        while true {
            switch parser.next() {
            case .request(let request):
                let closes = request.closes || isLeaving.load(ordering: .relaxed)
                answers += closes ? Self.lastAnswer : Self.answer
                if !request.isHead { answers += Self.greeting }
                if closes { return (answers, true) }
            case .incomplete: return (answers, false)
            case .malformed: return (answers + Self.refusal, true)
            }
        }
    }

    /// Closing with unread requests would reset the connection, and the answer might be lost with
    /// it: so half-close, and wait a moment for the client to close. One that does not is no error.
    private func finish(_ connection: StreamConnection) async throws {
        try connection.shutdown(.write)
        try? await withTimeout(.seconds(1)) {
            for try await _ in connection {}
        }
    }

    private static let greeting = Array("Hello, world!\n".utf8)
    private static let answer = head("200 OK", "keep-alive", length: greeting.count)
    private static let lastAnswer = head("200 OK", "close", length: greeting.count)
    private static let refusal = head("400 Bad Request", "close", length: 0)

    private static func head(_ status: String, _ connection: String, length: Int) -> [UInt8] {
        let lines = [
            "HTTP/1.1 \(status)", "Content-Type: text/plain", "Content-Length: \(length)",
            "Connection: \(connection)",
        ]
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }
}
