public import SocketReactor
internal import SocketSystem

extension UDPSocket {
    /// Sends one datagram; returns when the kernel has it.
    ///
    /// Waits while the socket's send buffer is full. A datagram that the kernel has can still be
    /// lost on the way. The corresponding system call is `sendto(2)`.
    ///
    /// - Parameters:
    ///   - bytes: The content; may be empty. At most 65,507 bytes over IPv4, 65,527 over IPv6.
    ///   - address: The destination.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Throws: `SocketError`: `.messageTooLong`, `.permissionDenied` for a broadcast address
    ///   without ``UDPOptions/broadcast``, `.networkUnreachable`, `.wrongAddressFamily`,
    ///   `.closed`. On a connected socket also `.connectionRefused` and the like, once for each
    ///   time that the network reported it of an earlier datagram; this one was not sent then.
    ///   `CancellationError` if the task was cancelled; nothing was sent then.
    @inlinable
    @inline(__always)
    public func send(
        _ bytes: Span<UInt8>,
        to address: SocketAddress,
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        try await sendOne(bytes, to: address, isolation: isolation)
    }

    /// Sends one datagram; see ``send(_:to:)-(Span<UInt8>,_)``.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - address: The destination.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Throws: As `send(_:to:)` of a span.
    @inlinable
    @inline(__always)
    public func send(
        _ bytes: [UInt8],
        to address: SocketAddress,
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        try await sendOne(bytes.span, to: address, isolation: isolation)
    }

    /// Sends a text as UTF-8 in one datagram; see ``send(_:to:)-(Span<UInt8>,_)``.
    ///
    /// - Parameters:
    ///   - text: The content.
    ///   - address: The destination.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Throws: As `send(_:to:)` of a span.
    @inlinable
    @inline(__always)
    public func send(
        _ text: String,
        to address: SocketAddress,
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        try await sendOne(text.utf8.span, to: address, isolation: isolation)
    }

    /// Sends one datagram to an address given as text, such as `127.0.0.1:9999`, or to a host given
    /// by name, such as `localhost:9999`. A name is looked up each time.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - address: The destination.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address; the
    ///   codes of a failed lookup, see `Resolver`.
    public func send(_ bytes: [UInt8], to address: String) async throws {
        try await send(bytes.span, to: resolve(address))
    }

    /// Sends a text as UTF-8 in one datagram to an address given as text.
    ///
    /// - Parameters:
    ///   - text: The content.
    ///   - address: The destination.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address; the
    ///   codes of a failed lookup, see `Resolver`.
    public func send(_ text: String, to address: String) async throws {
        try await send(text.utf8.span, to: resolve(address))
    }

    /// Sends one datagram to the connected peer.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Throws: As `send(_:to:)`; `.destinationRequired` if the socket is not connected.
    @inlinable
    @inline(__always)
    public func send(
        _ bytes: Span<UInt8>,
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        try await sendOne(bytes, to: nil, isolation: isolation)
    }

    /// Sends one datagram to the connected peer.
    ///
    /// - Parameter bytes: The content.
    /// - Throws: As `send(_:)` of a span.
    public func send(_ bytes: [UInt8]) async throws { try await send(bytes.span) }

    /// Sends a text as UTF-8 in one datagram to the connected peer.
    ///
    /// - Parameter text: The content.
    /// - Throws: As `send(_:)` of a span.
    public func send(_ text: String) async throws { try await send(text.utf8.span) }

    /// Nearly always the kernel has room, and then nothing here is asynchronous.
    @inlinable
    @inline(__always)
    func sendOne(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        isolation: isolated (any Actor)?
    ) async throws {
        var operation = beginSending()
        while try !trySend(bytes, to: address, &operation) {
            try await wait(&operation, .send, isolation: isolation)
        }
    }

    @usableFromInline
    func beginSending() -> Operation { Operation(.write, .standsInLine) }

    /// Sends one datagram if that is possible at once.
    @usableFromInline
    func trySend(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        _ operation: inout Operation
    ) throws -> Bool {
        do throws(OperationFailure) {
            if try core.trySend(bytes, to: address, control: [], &operation) { return true }
            operation.prepareToWait(for: registration)
            return false
        } catch {
            throw self.error(error, .send, remote: address, count: bytes.count)
        }
    }

    /// Sends the entries of a batch, each to its address. The address of a received entry is its
    /// source.
    ///
    /// The corresponding system call is `sendmmsg(2)`.
    ///
    /// - Parameters:
    ///   - batch: The datagrams to send. It keeps its entries.
    ///   - first: The first entry to send.
    /// - Throws: As `send(_:to:)`, for the first entry that cannot be sent;
    ///   ``DatagramBatch/sentCount`` is its position. Those before it were sent.
    public func send(_ batch: DatagramBatch, from first: Int = 0) async throws {
        batch.prepareToSend(from: first)
        do throws(OperationFailure) {
            try await core.send(batch)
        } catch {
            let failed = batch.sentCount
            throw self.error(
                error,
                .send,
                remote: failed < batch.count ? batch.address(at: failed) : nil,
                count: failed < batch.count ? batch.byteCount(at: failed) : 0
            )
        }
    }
}

// MARK: - Many from one buffer

extension UDPSocket {
    /// Cuts bytes into datagrams of one size and sends them; the last may be shorter.
    ///
    /// The kernel cuts up to 64 datagrams a system call (UDP_SEGMENT in `udp(7)`), which makes bulk
    /// transfer several times cheaper. If the path to the destination does not allow that, they are
    /// sent one by one.
    ///
    /// - Parameters:
    ///   - bytes: The bytes to send, of any length.
    ///   - segmentSize: The number of bytes in each datagram, 1...65507. It should be at most the
    ///     path MTU less 28 bytes (48 for IPv6); otherwise routers must cut the datagrams.
    ///   - address: The destination; nil means the connected peer.
    /// - Throws: As `send(_:to:)`; the error's `bytesWritten` is the number of bytes that were
    ///   sent. `CancellationError` has no such number, although datagrams may have been sent before
    ///   the task was cancelled. A program that needs it can send a ``DatagramBatch`` and read its
    ///   `sentCount`.
    public func send(
        _ bytes: Span<UInt8>,
        segmentSize: Int,
        to address: SocketAddress? = nil
    ) async throws {
        guard (1...65_507).contains(segmentSize) else {
            throw SocketError(
                .send,
                code: .invalidArgument,
                remote: address,
                reason: "datagrams cannot have \(segmentSize) bytes each"
            )
        }
        var sent = 0
        do throws(OperationFailure) {
            if bytes.isEmpty { try core.checkSending() }
            var segmented = true
            let most = Swift.min(64, 65_507 / segmentSize) * segmentSize
            while sent < bytes.count {
                let step = Swift.min(segmented ? most : segmentSize, bytes.count - sent)
                let part = bytes.extracting(sent..<sent + step)
                do throws(OperationFailure) {
                    let control = step > segmentSize ? segmentControl(segmentSize) : []
                    try await core.send(part, to: address, control: control)
                    sent += step
                } catch {
                    // The device cannot cut, or a segment is larger than a packet may be.
                    guard segmented, step > segmentSize, error.refusesSegments else { throw error }
                    segmented = false
                }
            }
        } catch {
            throw self.error(error, .send, remote: address, count: segmentSize, sent: sent)
        }
    }

    /// Cuts bytes into datagrams of one size and sends them; see
    /// ``send(_:segmentSize:to:)-(Span<UInt8>,_,_)``.
    ///
    /// - Parameters:
    ///   - bytes: The bytes to send, of any length.
    ///   - segmentSize: The number of bytes in each datagram.
    ///   - address: The destination; nil means the connected peer.
    /// - Throws: As for a span.
    public func send(
        _ bytes: [UInt8],
        segmentSize: Int,
        to address: SocketAddress? = nil
    ) async throws {
        try await send(bytes.span, segmentSize: segmentSize, to: address)
    }

    private func segmentControl(_ size: Int) -> [UInt8] {
        var builder = ControlBuilder()
        builder.append(segmentSize: UInt16(size))
        return builder.bytes
    }
}

extension OperationFailure {
    fileprivate var refusesSegments: Bool {
        switch self {
        case .system(let errno):
            errno == .invalidArgument || errno == .ioError || errno == .notSupported
                || errno == .messageTooLong
        default: false
        }
    }
}
