package import SocketSystem

/// An error of a socket, as a value to compare and as a sentence to print.
///
/// ```swift
/// do {
///     let connection = try await TCPConnection.connect(to: "127.0.0.1:9")
/// } catch let error as SocketError where error.code == .connectionRefused {
///     print(error)  // connect 127.0.0.1:9 from 127.0.0.1:51234: connection refused (ECONNREFUSED)
/// }
/// ```
///
/// Compare ``code``; the wording of the sentence may change.
public struct SocketError: Error, Sendable {
    /// All the fields, on the heap, so that an error is only a pointer wide.
    private let details: Details

    private final class Details: Sendable {
        let operation: Operation
        let code: Code
        let errno: Errno?
        let localAddress: SocketAddress?
        let remoteAddress: SocketAddress?
        let bytesWritten: Int
        let reason: String?
        let attempts: [ConnectionAttempt]

        init(
            _ operation: Operation,
            _ code: Code,
            _ errno: Errno?,
            local: SocketAddress?,
            remote: SocketAddress?,
            bytesWritten: Int,
            reason: String?,
            attempts: [ConnectionAttempt] = []
        ) {
            self.operation = operation
            self.code = code
            self.errno = errno
            self.localAddress = local
            self.remoteAddress = remote
            self.bytesWritten = bytesWritten
            self.reason = reason
            self.attempts = attempts
        }
    }

    /// A failed system call.
    package init(
        _ operation: Operation,
        _ errno: Errno,
        local: SocketAddress? = nil,
        remote: SocketAddress? = nil,
        bytesWritten: Int = 0,
        reason: String? = nil
    ) {
        details = Details(
            operation,
            Code(errno),
            errno,
            local: local,
            remote: remote,
            bytesWritten: bytesWritten,
            // Parts of it may be a peer's text, or a user's.
            reason: reason?.printable()
        )
    }

    /// A failure that no system call reported. The library found it, or a program's own
    /// ``Resolver``, or a test makes it.
    ///
    /// - Parameters:
    ///   - operation: The operation that failed.
    ///   - code: The kind of failure.
    ///   - local: The socket's own address, if it had one.
    ///   - remote: The peer's address, if there was one.
    ///   - bytesWritten: The number of bytes that a failed write had handed to the kernel.
    ///   - reason: The cause, which is printed in place of the code's own words; see ``reason``.
    ///   - attempts: The attempts to connect to a host by name.
    public init(
        _ operation: Operation,
        code: Code,
        local: SocketAddress? = nil,
        remote: SocketAddress? = nil,
        bytesWritten: Int = 0,
        reason: String? = nil,
        attempts: [ConnectionAttempt] = []
    ) {
        details = Details(
            operation,
            code,
            nil,
            local: local,
            remote: remote,
            bytesWritten: bytesWritten,
            reason: reason?.printable(),
            attempts: attempts
        )
    }

    /// Returns the same failure as part of a larger operation, such as a parser's error inside
    /// `bind`.
    package func during(_ operation: Operation) -> SocketError {
        SocketError(
            details: Details(
                operation,
                code,
                details.errno,
                local: localAddress,
                remote: remoteAddress,
                bytesWritten: bytesWritten,
                reason: reason,
                attempts: details.attempts
            )
        )
    }

    private init(details: Details) { self.details = details }
}

extension SocketError {
    /// The kind of failure.
    public var code: Code { details.code }

    /// The operation that failed.
    public var operation: Operation { details.operation }

    /// The socket's own address, if it had one.
    public var localAddress: SocketAddress? { details.localAddress }

    /// The peer's address, if there was one.
    public var remoteAddress: SocketAddress? { details.remoteAddress }

    /// The system call's error number, errno(3); nil if the library itself found the failure.
    public var errno: CInt? { failedCall?.rawValue }

    /// ``errno`` in the type of the floor below.
    var failedCall: Errno? { details.errno }

    /// The number of bytes that a failed write had handed to the kernel; 0 for other operations.
    public var bytesWritten: Int { details.bytesWritten }

    /// More about the cause, if there is more to say. Whatever a peer, a user or the environment
    /// has written is shown so that it can be printed in one line: control characters are escaped,
    /// and the middle of a long text is left out.
    public var reason: String? { details.reason }

    /// The attempts to connect to a host by name, in the order in which they began; empty
    /// otherwise.
    public var attempts: [ConnectionAttempt] { details.attempts }
}

extension SocketError: Hashable {
    /// Errors are equal if all their fields are equal.
    public static func == (left: SocketError, right: SocketError) -> Bool {
        left.code == right.code && left.operation == right.operation
            && left.errno == right.errno && left.localAddress == right.localAddress
            && left.remoteAddress == right.remoteAddress
            && left.bytesWritten == right.bytesWritten && left.reason == right.reason
            && left.attempts == right.attempts
    }

    /// Feeds the fields that identify the error to a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(operation)
        hasher.combine(errno)
        hasher.combine(localAddress)
        hasher.combine(remoteAddress)
    }
}

// MARK: - Operation

extension SocketError {
    /// The operation that failed.
    public struct Operation: Hashable, Sendable, CustomStringConvertible {
        /// The word that the error's sentence begins with.
        public let name: String

        package init(_ name: String) { self.name = name }

        /// ``name``.
        public var description: String { name }

        /// Opening a socket, socket(2).
        public static var open: Operation { Operation("open") }
        /// Giving a socket its address, bind(2).
        public static var bind: Operation { Operation("bind") }
        /// Beginning to take connections, listen(2).
        public static var listen: Operation { Operation("listen") }
        /// Taking a connection, accept(2).
        public static var accept: Operation { Operation("accept") }
        /// Reaching a peer, connect(2).
        public static var connect: Operation { Operation("connect") }
        /// Reading from a stream.
        public static var read: Operation { Operation("read") }
        /// Writing to a stream.
        public static var write: Operation { Operation("write") }
        /// Receiving a datagram.
        public static var receive: Operation { Operation("receive") }
        /// Sending a datagram.
        public static var send: Operation { Operation("send") }
        /// Ending one direction of a stream, shutdown(2).
        public static var shutdown: Operation { Operation("shutdown") }
        /// Closing.
        public static var close: Operation { Operation("close") }
        /// Joining a multicast group.
        public static var join: Operation { Operation("join") }
        /// Leaving a multicast group.
        public static var leave: Operation { Operation("leave") }
        /// Reading a socket option, getsockopt(2).
        public static var getOption: Operation { Operation("get option") }
        /// Setting a socket option, setsockopt(2).
        public static var setOption: Operation { Operation("set option") }
        /// Reading the text of an address.
        public static var parse: Operation { Operation("parse") }
        /// Looking up a name.
        public static var resolve: Operation { Operation("resolve") }
        /// Taking over a descriptor.
        public static var adopt: Operation { Operation("adopt") }
        /// Taking the descriptor out of a socket.
        public static var detach: Operation { Operation("detach") }
        /// Waiting for any descriptor, `ReadinessSource`.
        public static var watch: Operation { Operation("watch") }
        /// Starting event loops, `pthread_create(3)`, `epoll_create1(2)`.
        public static var startLoops: Operation { Operation("start event loops") }
        /// A scope whose time ran out, `withTimeout`.
        public static var timeout: Operation { Operation("timeout") }
        /// Observing signals, `sigaction(2)`, for which a thread is started.
        public static var observeSignals: Operation { Operation("observe signals") }
        /// Listing the network interfaces, `getifaddrs(3)`.
        public static var listInterfaces: Operation { Operation("list interfaces") }
    }
}
