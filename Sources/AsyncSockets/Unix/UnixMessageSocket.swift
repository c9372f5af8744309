internal import SocketReactor
internal import SocketSystem

/// What sockets that keep message boundaries have in common: one call, one message.
struct UnixMessageSocket: Sendable {
    let registration: Registration

    /// Sends one message, whole; waits while the kernel has no room for it.
    func send(
        _ bytes: Span<UInt8>,
        passing descriptors: [OwnedDescriptor]
    ) async throws(OperationFailure) {
        var operation = try Operation(registration, .write, .inLine)
        while true {
            try await operation.ready()
            let attempt = attemptToSend(bytes, descriptors, nil, operation.descriptor)
            if try operation.result(of: attempt) != nil { return }
        }
    }

    /// Sends one message to an address; false where the receiver's queue is full.
    ///
    /// No event tells when there is room at a socket that this one is not connected to.
    func trySending(
        _ bytes: Span<UInt8>,
        passing descriptors: [OwnedDescriptor],
        to destination: AddressStorage
    ) async throws(OperationFailure) -> Bool {
        var operation = try Operation(registration, .write, .inLine)
        while true {
            try await operation.ready()
            let attempt: Attempt<Bool> =
                switch attemptToSend(bytes, descriptors, destination, operation.descriptor) {
                case .drained, .undrained: .undrained(true)
                case .mustWait: .undrained(false)
                case .failed(let errno): .failed(errno)
                }
            if let sent = try operation.result(of: attempt) { return sent }
        }
    }

    private func attemptToSend(
        _ bytes: Span<UInt8>,
        _ descriptors: [OwnedDescriptor],
        _ destination: AddressStorage?,
        _ socket: CInt
    ) -> Attempt<Void> {
        let transfer = sendUnix(bytes, passing: descriptors, to: destination, with: socket)
        guard let transfer else { return .failed(.badDescriptor) }
        return transfer.count == nil ? Attempt(failureOf: transfer) : .undrained(())
    }

    /// Receives one message, whole, and what is beside it.
    ///
    /// - Parameters:
    ///   - policy: What to do where another task receives.
    ///   - wantsSource: Whether to ask for the sender's address.
    func receive(
        _ policy: TurnPolicy,
        wantsSource: Bool
    ) async throws(OperationFailure) -> UnixReceipt {
        var operation = try Operation(registration, .read, policy)
        while true {
            try await operation.ready()
            let attempt = receive(from: operation.descriptor, wantsSource: wantsSource)
            if let receipt = try operation.result(of: attempt) { return receipt }
        }
    }

    private func receive(from socket: CInt, wantsSource: Bool) -> Attempt<UnixReceipt> {
        let onLoop = EventLoop.withCurrent {
            receiveUnixMessage(from: socket, through: $0.messageScratch, wantsSource: wantsSource)
        }
        guard let onLoop else { return receiveOffLoop(from: socket, wantsSource: wantsSource) }
        return attempt(onLoop)
    }

    /// Elsewhere there is no memory that any message fits: ask for its size first.
    private func receiveOffLoop(from socket: CInt, wantsSource: Bool) -> Attempt<UnixReceipt> {
        let size = nextMessageSize(of: socket)
        guard let count = size.count else { return Attempt(failureOf: size) }
        return attempt(
            receiveUnixMessage(from: socket, capacity: max(count, 1), wantsSource: wantsSource)
        )
    }

    private func attempt(_ answer: (UnixReceipt, Transfer)) -> Attempt<UnixReceipt> {
        let (receipt, transfer) = answer
        guard transfer.count != nil else { return Attempt(failureOf: transfer) }
        // One call takes one message: there may be more.
        return .undrained(receipt)
    }

    /// The message of a receipt.
    ///
    /// - Throws: Where the kernel could not deliver all of it; what it delivered is closed.
    func message(
        _ receipt: UnixReceipt,
        source: SocketAddress?,
        remote: SocketAddress?
    ) throws(SocketError) -> UnixMessage {
        let message = UnixMessage(receipt, source: source)
        if receipt.ancillary.isControlTruncated { throw descriptorsLost(.receive, remote: remote) }
        if receipt.ancillary.isTruncated {
            throw SocketError(
                .receive,
                code: .messageTooLong,
                remote: remote,
                reason: "a message of more than \(receipt.bytes.count) bytes was cut off"
            )
        }
        return message
    }

    /// Translates why an operation ended to what users catch.
    func error(
        _ failure: OperationFailure,
        _ operation: SocketError.Operation,
        remote: SocketAddress?
    ) -> any Error {
        switch failure {
        case .cancelled: CancellationError()
        case .closed: SocketError(operation, code: .closed, remote: remote)
        case .busy: SocketError(operation, code: .busy, remote: remote)
        case .system(let errno): SocketError(operation, errno, local: localAddress, remote: remote)
        }
    }

    /// The socket's own address, or nil after it was closed.
    var localAddress: SocketAddress? {
        registration.use { socket in
            (try? SocketSystem.localAddress(of: socket)).flatMap { SocketAddress($0) }
        } ?? nil
    }
}
