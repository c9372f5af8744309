extension StreamConnection {
    /// The text that arrives, line by line.
    ///
    /// ```swift
    /// for try await line in connection.lines {
    ///     print(line)
    /// }
    /// ```
    ///
    /// A line ends with LF or CR LF, which it does not contain; the last one may end with the
    /// stream. A line of more than 1 MiB is an error; see ``lines(limit:)``.
    public final var lines: Lines { lines(limit: 1024 * 1024) }

    /// The text that arrives, line by line, none longer than a limit.
    ///
    /// Bytes that are no UTF-8 are replaced by U+FFFD.
    ///
    /// - Parameter limit: The most bytes that a line may have, its end included; positive.
    /// - Returns: The lines. Iterating throws as `read(until:limit:)` does, `.limitExceeded` where
    ///   a line is too long; that line stays in the connection. A stream that ends within a line
    ///   is no error.
    public final func lines(limit: Int) -> Lines { Lines(connection: self, limit: limit) }

    /// A connection's lines; see `StreamConnection.lines`.
    public struct Lines: AsyncSequence, Sendable {
        /// A line without its end.
        public typealias Element = String

        let connection: StreamConnection
        let limit: Int

        /// Reads line after line.
        public struct AsyncIterator: AsyncIteratorProtocol {
            let lines: Lines

            /// Waits for the next line.
            ///
            /// - Parameter actor: The actor that the loop is isolated to.
            /// - Returns: The line without its end, or nil when the peer has finished sending.
            /// - Throws: As `read(until:limit:)`, except that the stream may end within a line.
            public mutating func next(
                isolation actor: isolated (any Actor)?
            ) async throws -> String? {
                try await lines.next()
            }
        }

        /// Begins to read. Iterators share the connection: each line goes to one of them.
        ///
        /// - Returns: The iterator.
        public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(lines: self) }

        private func next() async throws -> String? {
            do {
                let line = try await connection.read(until: [lineFeed], limit: limit)
                return line.map(text)
            } catch let error as SocketError where error.code == .unexpectedEndOfStream {
                return try await connection.read(atMost: limit).map(text)
            }
        }

        private func text(of line: [UInt8]) -> String {
            var content = line[...]
            if content.last == lineFeed {
                content.removeLast()
                if content.last == carriageReturn { content.removeLast() }
            }
            return String(decoding: content, as: UTF8.self)
        }

        private var lineFeed: UInt8 { 10 }
        private var carriageReturn: UInt8 { 13 }
    }
}
