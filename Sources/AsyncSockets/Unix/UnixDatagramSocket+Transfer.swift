internal import SocketReactor
internal import SocketSystem

// Sending and receiving of Unix datagrams.

extension UnixDatagramSocket {
    /// Sends one datagram, and passes descriptors with it; returns when the kernel has it.
    ///
    /// While the receiver's queue is full the call waits: Unix datagrams are not lost. The
    /// corresponding system call is `sendmsg(2)`.
    ///
    /// - Parameters:
    ///   - bytes: The datagram, possibly empty; it is sent whole or not at all.
    ///   - address: The destination; nil means the connected peer.
    ///   - descriptors: The descriptors to pass, at most `UnixMessage.maximumDescriptors`. They
    ///     stay open.
    /// - Throws: `SocketError`: `.connectionRefused` if no socket has the address any more,
    ///   `.noSuchFile` if there is no such path, `.messageTooLong` for more than the send buffer
    ///   holds, `.notConnected` without address and peer, `.limitExceeded` for too many
    ///   descriptors, `.closed`. `CancellationError` if the task was cancelled: nothing was sent
    ///   then.
    public func send(
        _ bytes: Span<UInt8>,
        to address: SocketAddress? = nil,
        passing descriptors: [OwnedDescriptor] = []
    ) async throws {
        try await sendMessage(bytes, to: address, passing: descriptors)
    }

    /// Sends one datagram; see `send(_:to:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - bytes: The datagram.
    ///   - address: The destination; nil means the connected peer.
    ///   - descriptors: The descriptors to pass.
    /// - Throws: As `send(_:to:passing:)` of a span.
    public func send(
        _ bytes: [UInt8],
        to address: SocketAddress? = nil,
        passing descriptors: [OwnedDescriptor] = []
    ) async throws {
        try await send(bytes.span, to: address, passing: descriptors)
    }

    /// Sends a text as one datagram of UTF-8; see `send(_:to:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - text: The datagram.
    ///   - address: The destination; nil means the connected peer.
    ///   - descriptors: The descriptors to pass.
    /// - Throws: As `send(_:to:passing:)` of a span.
    public func send(
        _ text: String,
        to address: SocketAddress? = nil,
        passing descriptors: [OwnedDescriptor] = []
    ) async throws {
        try await send(text.utf8.span, to: address, passing: descriptors)
    }

    /// Sends one datagram to an address given as text; see `send(_:to:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - bytes: The datagram.
    ///   - address: The destination, `unix:/path` or `unix:@name`.
    ///   - descriptors: The descriptors to pass.
    /// - Throws: As `send(_:to:passing:)` of a span; `.invalidAddress` if the text is not an
    ///   address.
    public func send(
        _ bytes: [UInt8],
        to address: String,
        passing descriptors: [OwnedDescriptor] = []
    ) async throws {
        try await send(bytes.span, to: SocketAddress(address), passing: descriptors)
    }

    /// Sends a text as one datagram of UTF-8 to an address given as text; see
    /// `send(_:to:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - text: The datagram.
    ///   - address: The destination, `unix:/path` or `unix:@name`.
    ///   - descriptors: The descriptors to pass.
    /// - Throws: As `send(_:to:passing:)` of a span; `.invalidAddress` if the text is not an
    ///   address.
    public func send(
        _ text: String,
        to address: String,
        passing descriptors: [OwnedDescriptor] = []
    ) async throws {
        try await send(text.utf8.span, to: SocketAddress(address), passing: descriptors)
    }

    /// Receives one datagram, whole, with the descriptors that were passed with it.
    ///
    /// The corresponding system call is `recvmsg(2)`.
    ///
    /// - Returns: The datagram, which may be empty. Its source is unnamed if the sender is not
    ///   bound.
    /// - Throws: `SocketError`: `.closed`; `.connectionReset`, once, if the connected peer has got
    ///   another peer and thrown away datagrams of ours (the socket goes on); `.descriptorsLost` if
    ///   this process has no number left for a descriptor, and `.messageTooLong` for a datagram of
    ///   more than 1 MiB (which needs a privileged sender): the datagram is lost then.
    ///   `CancellationError` if the task was cancelled: nothing was received then.
    public func receive() async throws -> UnixMessage {
        let datagram = try await receiveMessage()
        return try UnixMessage(datagram, source: datagram.source)
    }

    /// Receives one datagram into the caller's memory, with the descriptors that were passed with
    /// it.
    ///
    /// The corresponding system call is `recvmsg(2)`.
    ///
    /// - Parameter buffer: The memory for the datagram, filled from its beginning. Bytes that do
    ///   not fit are lost; the header's `length` is the datagram's whole length.
    /// - Returns: The datagram without its bytes.
    /// - Throws: As `receive()`, except that no datagram is too long.
    public func receive(into buffer: inout MutableSpan<UInt8>) async throws -> UnixMessageHeader {
        try await receiveMessage(into: &buffer).header()
    }
}

extension DatagramCore {
    /// Sends to an address that the socket is not connected to.
    ///
    /// A receiver whose queue is full answers EAGAIN, and no event tells this socket when there is
    /// room again. So the call is repeated after a pause that grows from 1 to 50 milliseconds.
    /// Other tasks may send meanwhile.
    func sendPatiently(
        _ bytes: Span<UInt8>,
        to address: SocketAddress,
        control: [UInt8]
    ) async throws(OperationFailure) {
        var pause = Duration.milliseconds(1)
        while try await !trySending(bytes, to: address.storage, control: control) {
            try await registration.loop.pause(for: pause)
            pause = min(pause * 2, .milliseconds(50))
        }
    }

    private func trySending(
        _ bytes: Span<UInt8>,
        to address: AddressStorage,
        control: [UInt8]
    ) async throws(OperationFailure) -> Bool {
        var operation = Operation(.write, .standsInLine)
        while true {
            if let isSent = try trySend(bytes, to: address, control, &operation) { return isSent }
            try await operation.wait(for: registration)
        }
    }

    private func trySend(
        _ bytes: Span<UInt8>,
        to address: AddressStorage,
        _ control: [UInt8],
        _ operation: inout Operation
    ) throws(OperationFailure) -> Bool? {
        guard try operation.begins(on: registration) else { return nil }
        let socket = registration.descriptor
        let transfer = sendMessage(bytes, to: address, control: control, from: socket)
        let isSent = transfer.count != nil
        let attempt: Attempt =
            isSent || transfer.mustWait ? .done(leaving: .unknown) : .failed(transfer.errno)
        return try operation.ends(attempt, on: registration) ? isSent : nil
    }
}

// MARK: - Iteration

extension UnixDatagramSocket: AsyncSequence {
    /// The datagrams, as they arrive.
    public typealias Element = UnixMessage

    /// Receives one datagram after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let socket: UnixDatagramSocket

        /// Waits for the next datagram.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The datagram; never nil.
        /// - Throws: As `receive()`. No datagram is lost then, and another loop may go on.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws -> UnixMessage? {
            try await socket.receive()
        }
    }

    /// Begins to receive. Iterators share the socket: each datagram goes to one of them.
    ///
    /// - Returns: The iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(socket: self) }
}
