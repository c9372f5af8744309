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
    func serve(_ connection: StreamConnection) async throws {
        var buffer: [UInt8] = []
        var answers: [UInt8] = []
        for try await chunk in connection {
            buffer = buffer.isEmpty ? chunk : buffer + chunk
            var rest = buffer[...]
            var closes = false
            answers.removeAll(keepingCapacity: true)
            parsing: while !closes, !rest.isEmpty {
                switch parse(rest) {
                case .request(let request, let length):
                    rest = rest.dropFirst(length)
                    closes = request.closes || isLeaving.load(ordering: .relaxed)
                    answers += closes ? Self.lastAnswer : Self.answer
                    if !request.isHead { answers += Self.greeting }
                case .incomplete: break parsing
                case .malformed:
                    answers += Self.refusal
                    closes = true
                }
            }
            if !answers.isEmpty { try await connection.write(answers) }
            if closes { return try await finish(connection) }
            buffer = Array(rest)
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
