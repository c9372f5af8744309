public import SocketReactor
internal import SocketSystem
internal import Synchronization

extension StreamConnection {
    /// Sends bytes; returns when the kernel has every one of them.
    ///
    /// Writes of several tasks are sent one after the other, each contiguous. Writing nothing is
    /// allowed and sends nothing.
    ///
    /// The corresponding system call is `send(2)`.
    ///
    /// - Parameters:
    ///   - bytes: What to send.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Throws: `SocketError`: `.brokenPipe` or `.connectionReset` if the peer is gone,
    ///   `.closed`; its `bytesWritten` says how many bytes went out. `CancellationError` if the
    ///   task was cancelled; then the connection's `bytesWritten` tells. A stream that has sent a
    ///   part of a message is of no use for another message.
    @inlinable
    @inline(__always)
    public final func write(
        _ bytes: Span<UInt8>,
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        // Most often the kernel takes all at once, and then nothing here is asynchronous.
        var operation = beginWriting()
        var sent = 0
        if try !tryWrite(bytes, &sent, &operation) {
            try await writeOn(bytes, sent, operation, isolation: isolation)
        }
    }

    /// Sends bytes; see `write(_:)` of a span.
    ///
    /// - Parameters:
    ///   - bytes: What to send.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Throws: As `write(_:)` of a span.
    @inlinable
    @inline(__always)
    public final func write(
        _ bytes: [UInt8],
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        try await write(bytes.span, isolation: isolation)
    }

    /// Sends bytes; see `write(_:)` of a span.
    ///
    /// - Parameters:
    ///   - bytes: What to send.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Throws: As `write(_:)` of a span.
    @inlinable
    @inline(__always)
    public final func write(
        _ bytes: ArraySlice<UInt8>,
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        try await write(bytes.span, isolation: isolation)
    }

    /// Sends a text as UTF-8; see `write(_:)` of a span.
    ///
    /// - Parameters:
    ///   - text: What to send.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Throws: As `write(_:)` of a span.
    @inlinable
    @inline(__always)
    public final func write(
        _ text: String,
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        try await write(text.utf8.span, isolation: isolation)
    }

    /// Sends several buffers, one after the other, without copying them together.
    ///
    /// The corresponding system call is `sendmsg(2)` with a vector, as `writev(2)` would; more
    /// buffers than one call takes (1024) are sent by several.
    ///
    /// - Parameter buffers: What to send, in order.
    /// - Throws: As `write(_:)` of a span.
    public final func write(contentsOf buffers: [[UInt8]]) async throws {
        var sent = 0
        var position = BufferPosition()
        do throws(OperationFailure) {
            var operation = Operation(.write, .standsInLine)
            while try !tryWrite(buffers, &position, &sent, &operation) {
                try await operation.wait(for: registration)
            }
        } catch {
            throw self.error(error, .write, bytesWritten: sent)
        }
    }
}

extension StreamConnection {
    @usableFromInline
    final func beginWriting() -> Operation { Operation(.write, .standsInLine) }

    /// Sends what the kernel takes at once; whether that was all.
    @usableFromInline
    final func tryWrite(
        _ bytes: Span<UInt8>,
        _ sent: inout Int,
        _ operation: inout Operation
    ) throws -> Bool {
        do throws(OperationFailure) {
            guard try operation.begins(on: registration) else { return false }
            let attempt = send(bytes, from: &sent, to: registration.descriptor)
            return try operation.ends(attempt, on: registration)
        } catch {
            throw self.error(error, .write, bytesWritten: sent)
        }
    }

    /// Goes on with a write that could not be done at once.
    @usableFromInline
    final func writeOn(
        _ bytes: Span<UInt8>,
        _ sent: Int,
        _ operation: Operation,
        isolation: isolated (any Actor)?
    ) async throws {
        var sent = sent
        var operation = operation
        repeat {
            do throws(OperationFailure) {
                try await operation.wait(for: registration)
            } catch {
                throw self.error(error, .write, bytesWritten: sent)
            }
        } while try !tryWrite(bytes, &sent, &operation)
    }

    private final func tryWrite(
        _ buffers: [[UInt8]],
        _ position: inout BufferPosition,
        _ sent: inout Int,
        _ operation: inout Operation
    ) throws(OperationFailure) -> Bool {
        guard try operation.begins(on: registration) else { return false }
        let attempt = send(
            buffers,
            from: &position,
            counting: &sent,
            to: registration.descriptor
        )
        return try operation.ends(attempt, on: registration)
    }

    private final func send(
        _ bytes: Span<UInt8>,
        from sent: inout Int,
        to socket: CInt
    ) -> Attempt {
        if isPutOff { return connect(socket, sending: bytes, from: &sent) }
        if bytes.isEmpty { return .done(leaving: .unknown) }
        let rest = sent == 0 ? bytes : bytes.extracting(sent...)
        let transfer = SocketSystem.send(rest, to: socket)
        guard let count = transfer.count else { return failed(transfer) }
        sent += count
        noteWritten(count)
        // The kernel takes less than all when it has no room: more fits after a wait.
        return sent == bytes.count ? .done(leaving: .unknown) : .mustWait
    }

    /// Only the holder of the lock of writing changes it, so no other thread can come between.
    final func noteWritten(_ count: Int) {
        let total = totalBytesWritten.load(ordering: .relaxed)
        totalBytesWritten.store(total &+ count, ordering: .relaxed)
    }

    private final func send(
        _ buffers: [[UInt8]],
        from position: inout BufferPosition,
        counting sent: inout Int,
        to socket: CInt
    ) -> Attempt {
        if isPutOff, isFinishing.load(ordering: .acquiring) { return .failed(.brokenPipe) }
        while position.skipEmpty(in: buffers) {
            let transfer = SocketSystem.send(
                buffers,
                from: position.buffer,
                offset: position.offset,
                to: socket
            )
            guard let count = transfer.count else { return failed(transfer) }
            sent += count
            noteWritten(count)
            position.advance(by: count, in: buffers)
        }
        return isPutOff ? connect(socket) : .done(leaving: .unknown)
    }
}

/// A place in a list of buffers.
private struct BufferPosition {
    /// The buffer that the next byte is in.
    var buffer = 0
    /// Where in it.
    var offset = 0

    /// Moves past empty buffers; false at the end.
    mutating func skipEmpty(in buffers: [[UInt8]]) -> Bool {
        while buffer < buffers.count, offset == buffers[buffer].count {
            buffer += 1
            offset = 0
        }
        return buffer < buffers.count
    }

    mutating func advance(by count: Int, in buffers: [[UInt8]]) {
        var rest = count
        while rest > 0 {
            let step = min(rest, buffers[buffer].count - offset)
            rest -= step
            offset += step
            if offset == buffers[buffer].count {
                buffer += 1
                offset = 0
            }
        }
    }
}
