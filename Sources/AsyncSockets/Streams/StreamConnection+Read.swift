public import SocketReactor
internal import SocketSystem
internal import Synchronization

extension StreamConnection: AsyncSequence {
    /// What has arrived, as it arrives: never empty, never longer than 256 KiB.
    public typealias Element = [UInt8]

    /// Reads chunk after chunk; see `StreamConnection`. An iterator belongs to the task that makes
    /// it.
    public struct AsyncIterator: AsyncIteratorProtocol {
        @usableFromInline let connection: StreamConnection
        /// Whether the task that made it has a cancellation handler for the connection already.
        @usableFromInline var isOwner: Bool

        /// Waits for the next chunk.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The bytes that have arrived, or nil when the peer has finished sending.
        /// - Throws: `SocketError` where the connection failed or was closed, `CancellationError`
        ///   where the task was cancelled; no byte is lost then.
        @inlinable
        @inline(__always)
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws -> [UInt8]? {
            var operation = connection.beginReading(asOwner: isOwner)
            while true {
                if let chunk = try connection.tryReadChunk(&operation) {
                    return chunk.isEmpty ? nil : chunk
                }
                try await connection.waitToRead(&operation, isolation: actor)
            }
        }

        /// The same, for callers without isolation.
        public mutating func next() async throws -> [UInt8]? {
            // It may have been handed to another task than the one that made it.
            isOwner = false
            return try await next(isolation: #isolation)
        }
    }

    /// Begins to read. Iterators share the connection: each chunk goes to one of them.
    public nonisolated final func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(connection: self, isOwner: registration.isOwnedByCurrentTask)
    }
}

extension StreamConnection {
    @usableFromInline
    final func beginReading(asOwner isOwner: Bool) -> Operation {
        Operation(.read, .fails, asOwner: isOwner)
    }

    /// What is left over, or what the kernel has, empty at the end; nil if neither has anything.
    @usableFromInline
    final func tryReadChunk(_ operation: inout Operation) throws -> [UInt8]? {
        do throws(OperationFailure) {
            if try operation.begins(on: registration) {
                let (chunk, attempt) = takeLeftover() ?? receive(from: registration.descriptor)
                if try operation.ends(attempt, on: registration) { return chunk }
            }
            operation.prepareToWait(for: registration)
            return nil
        } catch {
            throw self.error(error, .read)
        }
    }

    /// Does what must come before the next try.
    @inlinable
    @inline(__always)
    final func waitToRead(
        _ operation: inout Operation,
        isolation: isolated (any Actor)?
    ) async throws {
        if operation.suspends {
            await operation.waitUntilReady(on: registration, isolation: isolation)
        } else {
            try await waitOtherwise(&operation, isolation: isolation)
        }
    }

    /// Waits for what the next try needs, if that is more than to suspend.
    @usableFromInline
    final func waitOtherwise(
        _ operation: inout Operation,
        isolation: isolated (any Actor)?
    ) async throws {
        do throws(OperationFailure) {
            try await operation.waitOtherwise(for: registration)
        } catch {
            throw self.error(error, .read)
        }
    }

    /// Reads what has arrived, at most the span's length, without allocating.
    ///
    /// The corresponding system call is `recv(2)`.
    ///
    /// - Parameters:
    ///   - buffer: Where the bytes go, from its beginning.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Returns: How many bytes were read, at least 1; 0 when the peer has finished sending, or
    ///   if the span is empty.
    /// - Throws: `SocketError`: `.busy` while another task reads, `.connectionReset`, `.closed`.
    ///   `CancellationError` if the task was cancelled: nothing was read then.
    @inlinable
    @inline(__always)
    public final func read(
        into buffer: inout MutableSpan<UInt8>,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> Int {
        var operation = beginReading(asOwner: false)
        while true {
            if let count = try tryRead(into: &buffer, &operation) { return count }
            try await waitToRead(&operation, isolation: isolation)
        }
    }

    /// How many bytes were read, 0 at the end; nil if there are none yet.
    @usableFromInline
    final func tryRead(
        into buffer: inout MutableSpan<UInt8>,
        _ operation: inout Operation
    ) throws -> Int? {
        if buffer.isEmpty {
            // Nothing is no reason to wait.
            try readNothing()
            return 0
        }
        do throws(OperationFailure) {
            if try operation.begins(on: registration) {
                let (count, attempt) =
                    takeLeftover(into: &buffer)
                    ?? receive(from: registration.descriptor, into: &buffer)
                if try operation.ends(attempt, on: registration) { return count }
            }
            operation.prepareToWait(for: registration)
            return nil
        } catch {
            throw self.error(error, .read)
        }
    }

    /// Reads what has arrived, at most `count` bytes.
    ///
    /// The corresponding system call is `recv(2)`.
    ///
    /// - Parameter count: The most bytes to return; the rest stays for the next read.
    /// - Returns: At least one byte, or nil when the peer has finished sending.
    /// - Throws: As `read(into:)`; `.invalidArgument` where `count` is not positive.
    public final func read(atMost count: Int) async throws -> [UInt8]? {
        try requirePositive(count)
        return try await readBuffered { kept in
            kept.isEmpty ? .needsMore : .found(kept.take(count))
        } atEnd: { _ in
            nil
        }
    }

    /// Reads a number of bytes, neither more nor less.
    ///
    /// - Parameter count: How many bytes. None are there at once, whatever has arrived.
    /// - Returns: `count` bytes.
    /// - Throws: `SocketError` with the code `.unexpectedEndOfStream` where the peer finished
    ///   before, `.invalidArgument` where `count` is negative, else as `read(into:)`. In every case
    ///   what has arrived stays for the next read.
    public final func read(exactly count: Int) async throws -> [UInt8] {
        if count == 0 {
            try readNothing()
            return []
        }
        try requirePositive(count)
        return try await readBuffered { kept in
            kept.count < count ? .needsMore : .found(kept.take(count))
        } atEnd: { kept in
            throw self.unexpectedEnd("after \(kept.count) of \(count) bytes")
        }
    }

    /// Reads up to and including a delimiter.
    ///
    /// - Parameters:
    ///   - delimiter: What ends the message, not empty.
    ///   - limit: The most bytes that a message may have, its delimiter included.
    /// - Returns: The message with its delimiter, or nil when the peer has finished sending
    ///   between two messages.
    /// - Throws: `SocketError`: `.limitExceeded` where no delimiter is within the limit,
    ///   `.unexpectedEndOfStream` where the peer finished within a message, else as
    ///   `read(into:)`. In every case what has arrived stays for the next read.
    public final func read(
        until delimiter: [UInt8],
        limit: Int = 1024 * 1024
    ) async throws -> [UInt8]? {
        try requirePositive(limit)
        try requirePositive(delimiter.count)
        var searched = 0
        return try await readBuffered { kept in
            if let end = kept.end(of: delimiter, searched: searched) {
                return end <= limit ? .found(kept.take(end)) : .failed(self.limitExceeded(limit))
            }
            searched = kept.count
            return searched < limit ? .needsMore : .failed(self.limitExceeded(limit))
        } atEnd: { kept in
            if kept.isEmpty { return nil }
            throw self.unexpectedEnd("after \(kept.count) bytes without the delimiter")
        }
    }
}

// MARK: - Buffered reading

/// Whether the bytes that were kept are enough for a read.
enum BufferedRead<Value: Sendable>: Sendable {
    case found(Value)
    case needsMore
    case failed(SocketError)
}

extension StreamConnection {
    /// Collects chunks in `leftover` until `extract` is content, all in one operation.
    ///
    /// What `extract` does not take stays, however the operation ends. With a `limit`, no more is
    /// taken from the kernel than makes that many bytes, where that makes a difference.
    final func readBuffered<Value: Sendable>(
        upTo limit: Int = .max,
        _ extract: (inout Leftover) -> BufferedRead<Value>,
        atEnd: (Leftover) throws -> Value
    ) async throws -> Value {
        do {
            var operation = Operation(.read, .fails)
            while true {
                switch try tryCollect(&operation, upTo: limit, extract) {
                case .found(let value): return value
                case .failed(let error): throw error
                case .needsMore: return try atEnd(leftover.withLock { $0 })
                case nil: try await operation.wait(for: registration)
                }
            }
        } catch let failure as OperationFailure {
            throw error(failure, .read)
        }
    }

    private final func tryCollect<Value: Sendable>(
        _ operation: inout Operation,
        upTo limit: Int,
        _ extract: (inout Leftover) -> BufferedRead<Value>
    ) throws(OperationFailure) -> BufferedRead<Value>? {
        guard try operation.begins(on: registration) else { return nil }
        let (answer, attempt) = collect(from: registration.descriptor, upTo: limit, extract)
        return try operation.ends(attempt, on: registration) ? answer : nil
    }

    /// Receives until `extract` is content; `.needsMore` at the end of the stream.
    private final func collect<Value: Sendable>(
        from socket: CInt,
        upTo limit: Int,
        _ extract: (inout Leftover) -> BufferedRead<Value>
    ) -> (BufferedRead<Value>, Attempt) {
        var isDrained = false
        while true {
            let (answer, isEmpty) = leftover.withLock { kept in
                let answer = extract(&kept)
                return (answer, kept.isEmpty)
            }
            switch answer {
            // Even after a short read: only the kernel knows whether the end is already there.
            case .needsMore: break
            // What is left over must be looked at by the next read before it waits.
            case _ where isEmpty && isDrained: return (answer, .done(leaving: .nothing))
            case _: return (answer, .done(leaving: .unknown))
            }
            let (isMore, attempt) = receiveLeftover(from: socket, upTo: limit)
            guard isMore else { return (.needsMore, attempt) }
            isDrained = attempt == .done(leaving: .nothing)
        }
    }

    /// Takes what the kernel has into `leftover`; false at the end of the stream.
    private final func receiveLeftover(
        from socket: CInt,
        upTo limit: Int
    ) -> (isMore: Bool, Attempt) {
        if receivesDescriptors { return receiveWithDescriptors(from: socket, upTo: limit) }
        let (chunk, attempt) = receive(from: socket)
        if case .done = attempt { keep(chunk) }
        return (!chunk.isEmpty, attempt)
    }

    /// Adds bytes to what is left over.
    final func keep(_ chunk: [UInt8], with passed: PassedAlong? = nil) {
        if chunk.isEmpty { return }
        hasLeftover.store(true, ordering: .relaxed)
        leftover.withLock { kept in
            if let passed { kept.append(chunk, with: passed) } else { kept.append(chunk) }
        }
    }

    private final func takeLeftover() -> ([UInt8], Attempt)? {
        guard hasLeftover.load(ordering: .relaxed) else { return nil }
        hasLeftover.store(false, ordering: .relaxed)
        return leftover.withLock { $0.isEmpty ? nil : ($0.takeAll(), .done(leaving: .unknown)) }
    }

    private final func takeLeftover(into buffer: inout MutableSpan<UInt8>) -> (Int, Attempt)? {
        guard hasLeftover.load(ordering: .relaxed) else { return nil }
        let room = buffer.count
        guard let kept = leftover.withLock({ $0.isEmpty ? nil : $0.take(room) }) else { return nil }
        for index in kept.indices { buffer[index] = kept[index] }
        return (kept.count, .done(leaving: .unknown))
    }

    private final var readStyle: ReadStyle {
        stopsWithin.load(ordering: .relaxed) ? .stopsAtDescriptors : .plain
    }

    private final func receive(
        from socket: CInt,
        into buffer: inout MutableSpan<UInt8>
    ) -> (Int, Attempt) {
        let transfer = SocketSystem.receive(from: socket, into: &buffer, readStyle)
        guard let count = transfer.count else { return (0, readFailed(transfer, socket)) }
        if count == 0, let failure = failureAtEnd(socket) { return (0, .failed(failure)) }
        return (count, .done(leaving: transfer.emptied(buffer.count) ? .nothing : .unknown))
    }

    final func receive(from socket: CInt) -> ([UInt8], Attempt) {
        let expected = lastChunkSize.load(ordering: .relaxed)
        let (chunk, transfer, isDrained) = receiveChunk(from: socket, expected: expected, readStyle)
        guard let count = transfer.count else { return ([], readFailed(transfer, socket)) }
        if count == 0, let failure = failureAtEnd(socket) { return ([], .failed(failure)) }
        lastChunkSize.store(count, ordering: .relaxed)
        return (chunk, .done(leaving: isDrained ? .nothing : .unknown))
    }

    /// Throws what a read would throw that need not wait, and takes nothing.
    final func readNothing() throws {
        do throws(OperationFailure) {
            if Task.isCancelled { throw .cancelled }
            guard registration.tryLock(.read) else {
                throw registration.isClosed ? .closed : .busy
            }
            registration.end(.read, leaving: .unknown)
        } catch {
            throw self.error(error, .read)
        }
    }

    final func requirePositive(_ count: Int) throws(SocketError) {
        if count > 0 { return }
        throw SocketError(
            .read,
            code: .invalidArgument,
            remote: remoteAddress,
            reason: "\(count) is not a positive number of bytes"
        )
    }

    private final func limitExceeded(_ limit: Int) -> SocketError {
        SocketError(
            .read,
            code: .limitExceeded,
            remote: remoteAddress,
            reason: "no delimiter within \(limit) bytes"
        )
    }

    final func unexpectedEnd(_ place: String) -> SocketError {
        SocketError(
            .read,
            code: .unexpectedEndOfStream,
            remote: remoteAddress,
            reason: "the peer finished sending \(place)"
        )
    }
}
