internal import SocketReactor
internal import SocketSystem
internal import Synchronization

// TCP fast open, TCP_FASTOPEN_CONNECT in tcp(7). If the peer is known to accept data in the first
// packet, connect(2) sends nothing: the first write makes the connection. Whatever comes before it,
// a read or the end of a direction, must make the connection, or nothing ever happens. A call that
// sends no bytes does so, and later says what has become of it.
//
// Until it is there, shutdown(2) and close(2) would throw away what was written. So a write returns
// when it is there; `shutdown` returns at once, and a task of its own waits.
//
// Other connections pay next to nothing for this: the mark is the sign of their count of bytes,
// which a write has at hand and a read looks at only before it waits.

extension StreamConnection {
    /// Whether fast open has put the connection off, and no call has seen since that it is there.
    @inline(__always)
    final var isPutOff: Bool { totalBytesWritten.load(ordering: .relaxed) < 0 }

    /// Looks whether fast open has put off a connection that was just made.
    final func noticePutOff() {
        let isThere = registration.use { (try? SocketSystem.remoteAddress(of: $0)) != nil }
        if isThere != false { return }
        totalBytesWritten.store(.min, ordering: .relaxed)
        // The first read tries its call before it waits, and finds out that it must connect.
        registration.signal(.read)
    }

    /// Makes a connection that was put off, and says whether it is there: `mustWait` if not yet.
    final func connect(_ socket: CInt) -> Attempt {
        let transfer = SocketSystem.send(Span(), to: socket)
        guard transfer.count != nil else { return failed(transfer) }
        // If our direction is to end now, nothing must be written before that.
        if !isFinishing.load(ordering: .acquiring) { forgetPutOff() }
        return .done(leaving: .unknown)
    }

    /// The connection is there. If a writer comes between, it will see for itself.
    private func forgetPutOff() {
        let total = totalBytesWritten.load(ordering: .relaxed)
        _ = totalBytesWritten.compareExchange(
            expected: total,
            desired: total & .max,
            ordering: .relaxed
        )
    }

    /// Sends bytes over a connection that was put off; done when it is there.
    final func connect(
        _ socket: CInt,
        sending bytes: Span<UInt8>,
        from sent: inout Int
    ) -> Attempt {
        if isFinishing.load(ordering: .acquiring) { return .failed(.brokenPipe) }
        if sent < bytes.count {
            let transfer = SocketSystem.send(bytes.extracting(sent...), to: socket)
            guard let count = transfer.count else { return failed(transfer) }
            sent += count
            noteWritten(count)
        }
        return sent < bytes.count ? .mustWait : connect(socket)
    }

    /// Ends a direction of a connection that was put off, or lets it end as soon as it is there.
    /// The caller's lock keeps writes away.
    final func shutdown(_ direction: ShutdownDirection, connecting socket: CInt) throws(Errno) {
        switch connect(socket) {
        case .done:
            forgetPutOff()
            try shutdownSocket(socket, direction)
        case .mustWait: shutdownOnceConnected(direction)
        case .failed(let errno): throw errno
        }
    }

    /// Ends a direction as soon as a connection that was put off is there; if it never is, reads
    /// throw why.
    final func shutdownOnceConnected(_ direction: ShutdownDirection) {
        Task { [registration, weak self] in
            var operation = Operation(.write, .standsInLine)
            while try !Self.tryShutdown(direction, of: registration, self, &operation) {
                try await operation.wait(for: registration)
            }
        }
    }

    private static func tryShutdown(
        _ direction: ShutdownDirection,
        of registration: Registration,
        _ connection: StreamConnection?,
        _ operation: inout Operation
    ) throws(OperationFailure) -> Bool {
        guard try operation.begins(on: registration) else { return false }
        let attempt = connection?.connect(registration.descriptor) ?? .failed(.notConnected)
        if case .done = attempt {
            connection?.forgetPutOff()
            try? shutdownSocket(registration.descriptor, direction)
        }
        return try operation.ends(attempt, on: registration)
    }
}
