internal import SocketReactor
internal import SocketSystem
internal import Synchronization

// Reading and writing with descriptors. A plain read of a Unix stream gives the kernel no room for
// them, and it closes what the peer passed along.

extension UnixConnection {
    /// Sends bytes and passes descriptors with the first of them.
    ///
    /// The peer gets duplicates; the given ones stay open. They arrive no later than the first
    /// byte. Writing is as in `write(_:)`: returns when the kernel has every byte, in turn with
    /// other writes.
    ///
    /// The corresponding system call is `sendmsg(2)` with SCM_RIGHTS, `unix(7)`.
    ///
    /// - Parameters:
    ///   - bytes: What to send; at least one byte, where descriptors are passed.
    ///   - descriptors: What to pass, at most `UnixMessage.maximumDescriptors`.
    /// - Throws: As `write(_:)`; `.limitExceeded` for too many descriptors, `.invalidArgument` for
    ///   descriptors without a byte, `.badDescriptor` where one is closed, and the error number
    ///   ETOOMANYREFS where more are under way than this process may have open.
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
            var operation = try Operation(registration, .write, .inLine)
            while true {
                try await operation.ready()
                let control = sent == 0 ? passed.control : []
                let attempt = send(bytes, from: &sent, control, to: operation.descriptor)
                if try operation.result(of: attempt) != nil { return }
            }
        } catch {
            throw self.error(error, .write, bytesWritten: sent)
        }
    }

    /// Sends bytes and passes descriptors; see `write(_:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - bytes: What to send.
    ///   - descriptors: What to pass.
    /// - Throws: As `write(_:passing:)` of a span.
    public func write(_ bytes: [UInt8], passing descriptors: [OwnedDescriptor]) async throws {
        try await write(bytes.span, passing: descriptors)
    }

    /// Sends a text as UTF-8 and passes descriptors; see `write(_:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - text: What to send.
    ///   - descriptors: What to pass.
    /// - Throws: As `write(_:passing:)` of a span.
    public func write(_ text: String, passing descriptors: [OwnedDescriptor]) async throws {
        try await write(text.utf8.span, passing: descriptors)
    }

    private func send(
        _ bytes: Span<UInt8>,
        from sent: inout Int,
        _ control: [UInt8],
        to socket: CInt
    ) -> Attempt<Void> {
        if bytes.isEmpty { return .undrained(()) }
        // Descriptors go with the first bytes that the kernel takes, once.
        let rest = sent == 0 ? bytes : bytes.extracting(sent...)
        let transfer = sendMessage(rest, to: nil, control: control, from: socket)
        guard let count = transfer.count else { return Attempt(failureOf: transfer) }
        sent += count
        totalBytesWritten.wrappingAdd(count, ordering: .relaxed)
        return sent == bytes.count ? .undrained(()) : .mustWait
    }
}

// MARK: - Reading

extension UnixConnection {
    /// Reads what has arrived, with the descriptors that were passed.
    ///
    /// Descriptors come with the first byte that they were sent with, or before it: bytes that
    /// were sent earlier may stand in front, bytes that were sent later do not follow.
    ///
    /// The corresponding system call is `recvmsg(2)`.
    ///
    /// - Returns: At least one byte, or nil when the peer has finished sending.
    /// - Throws: As `read(into:)`; `.descriptorsLost` where this process has no number left for a
    ///   descriptor. Those that did arrive are closed then, and the bytes stay for the next read.
    public func readWithDescriptors() async throws -> UnixMessage? {
        do {
            var operation = try Operation(registration, .read, .exclusive)
            while true {
                try await operation.ready()
                let attempt = takeKept() ?? receiveMessage(from: operation.descriptor)
                switch try operation.result(of: attempt) {
                case .message(let message): return message
                case .end: return nil
                case .lost(let error): throw error
                case nil: continue
                }
            }
        } catch let failure as OperationFailure {
            throw self.error(failure, .read)
        }
    }

    /// Reads a number of bytes, neither more nor less, with all descriptors that came meanwhile.
    ///
    /// - Parameter count: How many bytes, positive.
    /// - Returns: `count` bytes and the descriptors that were passed with them, in order.
    /// - Throws: As `read(exactly:)` and `readWithDescriptors()`. In every case what has arrived
    ///   stays for the next read, descriptors included.
    public func readWithDescriptors(exactly count: Int) async throws -> UnixMessage {
        try requirePositive(count)
        do {
            var operation = try Operation(registration, .read, .exclusive)
            while true {
                try await operation.ready()
                let attempt = collect(count, from: operation.descriptor)
                switch try operation.result(of: attempt) {
                case .message(let message): return message
                case .end: throw unexpectedEnd("after \(unreadBytes.count) of \(count) bytes")
                case .lost(let error): throw error
                case nil: continue
                }
            }
        } catch let failure as OperationFailure {
            throw error(failure, .read)
        }
    }

    private enum Received {
        case message(UnixMessage)
        case end
        /// The kernel dropped descriptors.
        case lost(SocketError)
    }

    /// What an earlier read has left.
    private func takeKept() -> Attempt<Received>? {
        let descriptors = keptDescriptors.withLock { $0 }
        let bytes = leftover.withLock { $0.takeAll() }
        if bytes.isEmpty { return nil }
        keptDescriptors.withLock { $0.removeAll() }
        return .undrained(.message(message(bytes, descriptors)))
    }

    private func receiveMessage(from socket: CInt) -> Attempt<Received> {
        let (bytes, control, transfer) =
            EventLoop.withCurrent { receiveUnixMessage(from: socket, through: $0.scratch) }
            ?? receiveUnixMessage(from: socket, through: ScratchBuffer(size: 64 * 1024))
        guard let count = transfer.count else { return Attempt(failureOf: transfer) }
        if count == 0 { return .undrained(.end) }
        do throws(SocketError) {
            let source = remoteAddress ?? .unixUnnamed
            // A read ends behind descriptors, so a short one does not mean that all was read.
            return .undrained(
                .message(try UnixMessage(bytes, control, source: source, for: .read))
            )
        } catch {
            keep(bytes)
            return .undrained(.lost(error))
        }
    }

    private func message(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor]) -> UnixMessage {
        UnixMessage(bytes, descriptors, source: remoteAddress ?? .unixUnnamed)
    }

    private func collect(_ count: Int, from socket: CInt) -> Attempt<Received> {
        while true {
            if leftover.withLock({ $0.count >= count }) {
                let descriptors = keptDescriptors.withLock { kept in
                    defer { kept.removeAll() }
                    return kept
                }
                let bytes = leftover.withLock { $0.take(count) }
                return .undrained(.message(message(bytes, descriptors)))
            }
            switch receiveMessage(from: socket) {
            case .undrained(.message(let message)):
                keep(message.bytes)
                keptDescriptors.withLock { $0 += message.descriptors }
            case let attempt: return attempt
            }
        }
    }

    private func keep(_ bytes: [UInt8]) {
        if bytes.isEmpty { return }
        leftover.withLock { $0.append(bytes) }
        hasLeftover.store(true, ordering: .relaxed)
    }
}
