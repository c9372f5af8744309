internal import SocketReactor
internal import SocketSystem

/// A report, from the network or the kernel, about one sent datagram.
public struct DatagramError: Error, Hashable, Sendable {
    /// The kind of failure: `.connectionRefused` if no socket receives at the destination,
    /// `.messageTooLong`, `.hostUnreachable` and others.
    public let code: SocketError.Code

    /// The system's error number, errno(3).
    public let errno: CInt

    /// The datagram's destination; nil if the report does not contain it. Its port is 0 if this
    /// machine's kernel refuses a datagram over IPv4 (as `.messageTooLong`) on a socket that is not
    /// connected: the kernel does not report the port then.
    public let destination: SocketAddress?

    /// The host that reported the failure, a router or the destination; nil for this machine's
    /// kernel. Its port has no meaning.
    public let reporter: SocketAddress?

    /// The size of the largest packet that passes the path to the destination, in bytes with all
    /// headers; for `.messageTooLong` only.
    public let pathMTU: Int?

    /// ICMP's type and code, if ICMP reported the failure.
    public let icmp: ICMP?

    /// The beginning of the datagram's content, as far as it was reported.
    public let bytes: [UInt8]

    /// The type and code of an ICMP message, in the destination's version of IP.
    public struct ICMP: Hashable, Sendable {
        /// The type, such as 3, destination unreachable.
        public let type: UInt8
        /// The code, such as 3, port unreachable.
        public let code: UInt8
    }

    init(_ entry: QueuedError) {
        code = SocketError.Code(entry.errno)
        errno = entry.errno.rawValue
        destination = entry.destination.flatMap { SocketAddress($0) }
        reporter = entry.offender.flatMap { SocketAddress($0) }
        pathMTU = entry.errno == .messageTooLong && entry.info > 0 ? Int(entry.info) : nil
        let isICMP =
            entry.origin == QueuedError.icmpOrigin
            || entry.origin == QueuedError.icmpv6Origin
        icmp = isICMP ? ICMP(type: entry.type, code: entry.code) : nil
        bytes = entry.payload
    }
}

extension DatagramError: CustomStringConvertible {
    /// `send 127.0.0.1:9: connection refused (ECONNREFUSED), says 127.0.0.1`
    public var description: String {
        var text = "send"
        if let destination { text += " \(destination)" }
        text += ": \(Errno(rawValue: errno))"
        if let pathMTU { text += ", the path takes \(pathMTU) bytes" }
        if let reporter = reporter?.ip { text += ", says \(reporter)" }
        return text
    }
}

extension UDPSocket {
    /// The network's reports about datagrams that this socket sent, as an asynchronous sequence.
    ///
    /// With the first call for an element, or from the beginning with ``UDPOptions/queuesErrors``,
    /// reports are kept here, each with its destination, and later calls of `send` and `receive` no
    /// longer throw them. A socket that is not connected learns of them only in this way. The 64
    /// newest are kept. Several tasks may take them; each report goes to one.
    ///
    /// The corresponding system call is `recvmsg(2)` with `MSG_ERRQUEUE`, IP_RECVERR in `ip(7)`.
    public var errors: DatagramErrors { DatagramErrors(socket: self) }

    func nextError() async throws -> DatagramError {
        if !core.errors.isTurnedOn {
            let settings = UDPOptions.queueErrors(isIPv6: isIPv6)
            try use(.setOption, reason: "receiveErrors") { socket throws(Errno) in
                for setting in settings { try setting.apply(to: socket) }
            }
            core.errors.turn(on: true)
        }
        do throws(OperationFailure) {
            return DatagramError(try await core.errors.next())
        } catch {
            throw self.error(error, .receive)
        }
    }
}

/// The errors of a UDP socket; see ``UDPSocket/errors``.
public struct DatagramErrors: AsyncSequence, Sendable {
    /// A report.
    public typealias Element = DatagramError

    let socket: UDPSocket

    /// Takes one report after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let socket: UDPSocket

        /// Waits for the next report.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The report; never nil.
        /// - Throws: `SocketError` with the code `.closed` after the socket was closed,
        ///   `CancellationError` if the task was cancelled; no report is lost then.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws -> DatagramError? {
            try await socket.nextError()
        }

        /// The same, for callers without isolation.
        ///
        /// - Returns: The report; never nil.
        /// - Throws: As above.
        public mutating func next() async throws -> DatagramError? {
            try await socket.nextError()
        }
    }

    /// Begins to take reports.
    ///
    /// - Returns: The iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(socket: socket) }
}
