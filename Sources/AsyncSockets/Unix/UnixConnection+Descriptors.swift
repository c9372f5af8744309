internal import SocketReactor
internal import SocketSystem
internal import Synchronization

// Reading and writing with descriptors. Descriptors belong to the bytes that they came with: a
// plain read that takes the bytes closes them. A connection that did not ask for descriptors knows
// nothing of them, see `DescriptorPolicy`.

extension UnixConnection {
    /// Sends bytes and passes descriptors with the first of them.
    ///
    /// The peer gets duplicates; the given ones stay open. They arrive no later than the first
    /// byte. Writing is as in `write(_:)`: it returns when the kernel has every byte, and stands
    /// in line behind other writes.
    ///
    /// The corresponding system call is `sendmsg(2)` with SCM_RIGHTS, `unix(7)`.
    ///
    /// - Parameters:
    ///   - bytes: The bytes to send; at least one, if descriptors are passed.
    ///   - descriptors: The descriptors to pass, at most `UnixMessage.maximumDescriptors`.
    /// - Throws: As `write(_:)`; `.limitExceeded` for too many descriptors, `.invalidArgument` for
    ///   descriptors without a byte, `.badDescriptor` if one is closed, and the error number
    ///   ETOOMANYREFS if more are in transit than this process may have open.
    public func write(_ bytes: Span<UInt8>, passing descriptors: [OwnedDescriptor]) async throws {
        let passed = try PassedDescriptors(descriptors, for: .write, to: remoteAddress)
        if bytes.isEmpty, !descriptors.isEmpty {
            throw SocketError(
                .write,
                code: .invalidArgument,
                remote: remoteAddress,
                reason: "descriptors need at least one byte to go with"
            )
        }
        var sent = 0
        do throws(OperationFailure) {
            var operation = Operation(.write, .standsInLine)
            while try !tryWrite(bytes, &sent, passed.control, &operation) {
                try await operation.wait(for: registration)
            }
        } catch {
            throw self.error(error, .write, bytesWritten: sent)
        }
    }

    /// Sends bytes and passes descriptors; see `write(_:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - bytes: The bytes to send.
    ///   - descriptors: The descriptors to pass.
    /// - Throws: As `write(_:passing:)` of a span.
    public func write(_ bytes: [UInt8], passing descriptors: [OwnedDescriptor]) async throws {
        try await write(bytes.span, passing: descriptors)
    }

    /// Sends a text as UTF-8 and passes descriptors; see `write(_:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - text: The text to send.
    ///   - descriptors: The descriptors to pass.
    /// - Throws: As `write(_:passing:)` of a span.
    public func write(_ text: String, passing descriptors: [OwnedDescriptor]) async throws {
        try await write(text.utf8.span, passing: descriptors)
    }

    private func tryWrite(
        _ bytes: Span<UInt8>,
        _ sent: inout Int,
        _ control: [UInt8],
        _ operation: inout Operation
    ) throws(OperationFailure) -> Bool {
        guard try operation.begins(on: registration) else { return false }
        let control = sent == 0 ? control : []
        let attempt = send(bytes, from: &sent, control, to: registration.descriptor)
        return try operation.ends(attempt, on: registration)
    }

    private func send(
        _ bytes: Span<UInt8>,
        from sent: inout Int,
        _ control: [UInt8],
        to socket: CInt
    ) -> Attempt {
        if bytes.isEmpty { return .done(leaving: .unknown) }
        // Descriptors go with the first bytes that the kernel takes, once.
        let rest = sent == 0 ? bytes : bytes.extracting(sent...)
        let transfer = sendMessage(rest, to: nil, control: control, from: socket)
        guard let count = transfer.count else { return failed(transfer) }
        sent += count
        noteWritten(count)
        return sent == bytes.count ? .done(leaving: .unknown) : .mustWait
    }
}

// MARK: - Reading

extension UnixConnection {
    /// Reads what has arrived, with the descriptors that were passed.
    ///
    /// The connection must have been made with the option `receivesDescriptors`. Descriptors come
    /// with the first byte that they were sent with, or before it. Bytes that were sent earlier may
    /// stand in front; bytes that were sent later do not follow.
    ///
    /// The corresponding system call is `recvmsg(2)`.
    ///
    /// - Returns: At least one byte; nil if the peer has finished sending. `credentials` are those
    ///   of the process that sent all of the bytes, if the option `receiveCredentials` is set.
    /// - Throws: As `read(into:)`; `.notSupported` without the option `receivesDescriptors`;
    ///   `.descriptorsLost` if this process has no number left for a descriptor. Those that did
    ///   arrive with it are then closed, and the bytes stay for the next read.
    public func readWithDescriptors() async throws -> UnixMessage? {
        try requireDescriptors()
        return try await readBuffered { kept in
            if kept.isEmpty { return .needsMore }
            if let loss = kept.takeLoss(within: .max) { return .failed(self.lost(loss)) }
            return .found(self.takeMessage(.max, from: &kept))
        } atEnd: { _ in
            nil
        }
    }

    /// Reads a number of bytes, neither more nor less, with all descriptors that came with them.
    ///
    /// - Parameter count: The number of bytes. Zero bytes return at once, without descriptors.
    /// - Returns: `count` bytes and the descriptors that were passed with them, in order.
    ///   `credentials` are nil if several processes sent the bytes.
    /// - Throws: As `read(exactly:)` and `readWithDescriptors()`; `.descriptorsLost` also if more
    ///   than `UnixMessage.maximumDescriptors` came before the last byte; the excess ones are
    ///   closed. In every case the bytes that arrived stay for the next read, with their
    ///   descriptors.
    public func readWithDescriptors(exactly count: Int) async throws -> UnixMessage {
        try requireDescriptors()
        if count == 0 {
            try readNothing()
            return UnixMessage([], PassedAlong(), source: remoteAddress ?? .unixUnnamed)
        }
        try requirePositive(count)
        // No more bytes are read than requested, so that descriptors of later bytes come later.
        return try await readBuffered(upTo: count) { kept in
            if let loss = kept.takeLoss(within: count) { return .failed(self.lost(loss)) }
            return kept.count < count ? .needsMore : .found(self.takeMessage(count, from: &kept))
        } atEnd: { kept in
            throw self.unexpectedEnd("after \(kept.count) of \(count) bytes")
        }
    }

    private func requireDescriptors() throws(SocketError) {
        if receivesDescriptors { return }
        throw SocketError(
            .read,
            code: .notSupported,
            remote: remoteAddress,
            reason: "the connection was made without the option receivesDescriptors"
        )
    }

    private func takeMessage(_ count: Int, from kept: inout Leftover) -> UnixMessage {
        let (bytes, passed) = kept.takeMessage(count)
        return UnixMessage(bytes, passed, source: remoteAddress ?? .unixUnnamed)
    }

    private func lost(_ loss: PassedAlong.Loss) -> SocketError {
        SocketError(.read, loss, remote: remoteAddress)
    }
}

extension StreamConnection {
    /// Takes what the kernel has into `leftover`, with what was passed; false at the end of the
    /// stream. The bytes that a buffered read leaves over may be for a read that wants descriptors.
    final func receiveWithDescriptors(
        from socket: CInt,
        upTo limit: Int
    ) -> (isMore: Bool, Attempt) {
        let room = Swift.min(limit - leftover.withLock { $0.count }, 64 * 1024)
        let (bytes, control, transfer) =
            if let buffers = LoopBuffers.current {
                receiveUnixMessage(from: socket, through: buffers.scratch, atMost: room)
            } else {
                receiveUnixMessage(
                    from: socket,
                    through: ScratchBuffer(size: room),
                    atMost: room
                )
            }
        guard let count = transfer.count else { return (false, failed(transfer)) }
        if count == 0, let failure = failureAtEnd(socket) { return (false, .failed(failure)) }
        // A read ends after passed descriptors: then a short one does not mean that all was read.
        let isDrained = control == nil && count < room && count > 0
        keep(bytes, with: control.map { PassedAlong($0) })
        return (count > 0, .done(leaving: isDrained ? .nothing : .unknown))
    }
}
