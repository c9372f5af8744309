internal import SocketReactor
internal import SocketSystem

extension DatagramCore {
    /// Sends one datagram; waits while the socket's send buffer is full.
    ///
    /// An `address` of nil means the connected peer. `control` says how the datagram is sent and
    /// what is passed with it; a `ControlBuilder` makes it.
    func send(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        control: [UInt8] = []
    ) async throws(OperationFailure) {
        var operation = Operation(.write, .standsInLine)
        while try !trySend(bytes, to: address, control: control, &operation) {
            try await operation.wait(for: registration)
        }
    }

    /// Keeps the promises of a send that has nothing to send.
    func checkSending() throws(OperationFailure) {
        if Task.isCancelled { throw .cancelled }
        if registration.isClosed { throw .closed }
    }

    /// Sends one datagram if that is possible at once.
    func trySend(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        control: [UInt8],
        _ operation: inout Operation
    ) throws(OperationFailure) -> Bool {
        guard try operation.begins(on: registration) else { return false }
        let attempt = send(bytes, to: address, control: control, from: registration.descriptor)
        return try operation.ends(attempt, on: registration)
    }

    private func send(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        control: [UInt8],
        from socket: CInt
    ) -> Attempt {
        let transfer = sendOnce(bytes, to: address, control: control, from: socket)
        if transfer.count != nil { return .done(leaving: .unknown) }
        return sendAgain(bytes, to: address, control: control, from: socket, after: transfer)
    }

    /// Goes on after a failed try, until it is certain that the failure belongs to this datagram.
    @inline(never)
    private func sendAgain(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        control: [UInt8],
        from socket: CInt,
        after transfer: Transfer
    ) -> Attempt {
        var failure = Attempt(failureOf: transfer)
        var excuse = SendExcuse()
        while errors.excusesSend(failure, of: socket, &excuse) {
            let transfer = sendOnce(bytes, to: address, control: control, from: socket)
            if transfer.count != nil { return .done(leaving: .unknown) }
            failure = Attempt(failureOf: transfer)
        }
        if case .failed(let errno) = failure { noteReset(errno) }
        return failure
    }

    private func sendOnce(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        control: [UInt8],
        from socket: CInt
    ) -> Transfer {
        if !control.isEmpty {
            return sendMessage(bytes, to: address?.storage, control: control, from: socket)
        }
        guard let address else { return SocketSystem.send(bytes, to: socket) }
        if case .ipv4(let address, let port) = address.parts {
            return SocketSystem.send(bytes, toIPv4: address.rawValue, port: port, from: socket)
        }
        return SocketSystem.send(bytes, to: address.storage, from: socket)
    }
}
