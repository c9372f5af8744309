internal import SocketReactor
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
    /// - Parameter bytes: What to send.
    /// - Throws: `SocketError`: `.brokenPipe` or `.connectionReset` where the peer is gone,
    ///   `.closed`; its `bytesWritten` says how many bytes went out. `CancellationError` where the
    ///   task was cancelled; then the connection's `bytesWritten` tells. A stream that has sent a
    ///   part of a message is of no use for another message.
    @inlinable
    public final func write(_ bytes: Span<UInt8>) async throws {
        // Nearly always the kernel has room, and then nothing here is asynchronous.
        var start = OperationStart.done
        let sent = try writeNow(bytes, &start)
        if start != .done { try await writeRest(bytes, sent, start) }
    }

    /// Sends bytes; see `write(_:)` of a span.
    ///
    /// - Parameter bytes: What to send.
    /// - Throws: As `write(_:)` of a span.
    @inlinable
    public final func write(_ bytes: [UInt8]) async throws {
        try await write(bytes.span)
    }

    /// Sends bytes; see `write(_:)` of a span.
    ///
    /// - Parameter bytes: What to send.
    /// - Throws: As `write(_:)` of a span.
    @inlinable
    public final func write(_ bytes: ArraySlice<UInt8>) async throws {
        try await write(bytes.span)
    }

    /// Sends a text as UTF-8; see `write(_:)` of a span.
    ///
    /// - Parameter text: What to send.
    /// - Throws: As `write(_:)` of a span.
    @inlinable
    public final func write(_ text: String) async throws {
        try await write(text.utf8.span)
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
            var operation = try Operation(registration, .write, .inLine)
            while true {
                try await operation.ready()
                let attempt = send(
                    buffers,
                    from: &position,
                    counting: &sent,
                    to: operation.descriptor
                )
                if try operation.result(of: attempt) != nil { return }
            }
        } catch {
            throw self.error(error, .write, bytesWritten: sent)
        }
    }
}

extension StreamConnection {
    /// Sends what the kernel takes at once, and says what is left to do.
    ///
    /// - Returns: How many bytes went out.
    @usableFromInline
    final func writeNow(_ bytes: Span<UInt8>, _ start: inout OperationStart) throws -> Int {
        var sent = 0
        do throws(OperationFailure) {
            var operation = try Operation(registration, .write, .inLine)
            if operation.isReady {
                let attempt = send(bytes, from: &sent, to: operation.descriptor)
                if try operation.result(of: attempt) != nil { return sent }
            }
            start = OperationStart(operation.rest)
            return sent
        } catch {
            throw self.error(error, .write, bytesWritten: sent)
        }
    }

    /// Goes on where `writeNow` could not.
    @usableFromInline
    final func writeRest(_ bytes: Span<UInt8>, _ sent: Int, _ start: OperationStart) async throws {
        var sent = sent
        do throws(OperationFailure) {
            var operation = Operation(goingOnWith: registration, .write, start.rest)
            while true {
                try await operation.ready()
                let attempt = send(bytes, from: &sent, to: operation.descriptor)
                if try operation.result(of: attempt) != nil { return }
            }
        } catch {
            throw self.error(error, .write, bytesWritten: sent)
        }
    }

    private final func send(
        _ bytes: Span<UInt8>,
        from sent: inout Int,
        to socket: CInt
    ) -> Attempt<Void> {
        if bytes.isEmpty { return .undrained(()) }
        let rest = sent == 0 ? bytes : bytes.extracting(sent...)
        let transfer = SocketSystem.send(rest, to: socket)
        guard let count = transfer.count else { return failed(transfer) }
        sent += count
        totalBytesWritten.wrappingAdd(count, ordering: .relaxed)
        // The kernel takes less than all when it has no room: more fits after a wait.
        return sent == bytes.count ? .undrained(()) : .mustWait
    }

    private final func failed(_ transfer: Transfer) -> Attempt<Void> {
        // Noted before the turn ends: see `wasReset`.
        if transfer.errno == .connectionReset { sawReset.store(true, ordering: .releasing) }
        return Attempt(failureOf: transfer)
    }

    private final func send(
        _ buffers: [[UInt8]],
        from position: inout BufferPosition,
        counting sent: inout Int,
        to socket: CInt
    ) -> Attempt<Void> {
        while position.skipEmpty(in: buffers) {
            let transfer = SocketSystem.send(
                buffers,
                from: position.buffer,
                offset: position.offset,
                to: socket
            )
            guard let count = transfer.count else { return failed(transfer) }
            sent += count
            totalBytesWritten.wrappingAdd(count, ordering: .relaxed)
            position.advance(by: count, in: buffers)
        }
        return .undrained(())
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
