internal import SocketSystem

extension SocketError {
    /// The kind of failure: the value to compare.
    ///
    /// Error numbers that a program handles alike share a code; ``SocketError/errno`` tells them
    /// apart. A number without a code of its own is ``errno(_:)``.
    public struct Code: Hashable, Sendable {
        /// The error number that the code stands for; negative for the library's own codes.
        private let number: CInt

        private init(_ number: CInt) { self.number = number }

        /// The code of a system call's error number; one of the named codes if there is one.
        public static func errno(_ number: CInt) -> Code { Code(Errno(rawValue: number)) }

        init(_ errno: Errno) {
            self.init(Self.representative(of: errno).rawValue)
        }

        /// The error number that the code stands for; nil for the library's own codes.
        var asErrno: Errno? { number > 0 ? Errno(rawValue: number) : nil }

        /// The number that represents all those that share a code.
        private static func representative(of errno: Errno) -> Errno {
            switch errno {
            case .notPermitted: .accessDenied
            case .systemDescriptorLimit: .processDescriptorLimit
            case .noMemory: .noBufferSpace
            case .networkDown, .noNetwork: .networkUnreachable
            case .hostDown: .hostUnreachable
            case .shutDown: .brokenPipe
            case .noSuchOption, .notImplemented, .protocolNotSupported, .socketTypeNotSupported,
                .protocolFamilyNotSupported:
                .notSupported
            default: errno
            }
        }

        /// The meaning of the code, as the end of a sentence.
        var message: String {
            switch self {
            case .closed: "the socket is closed"
            case .timedOut: "timed out"
            case .cancelled: "cancelled"
            case .busy: "another task is doing the same"
            case .invalidAddress: "not a valid address"
            case .unexpectedEndOfStream: "the stream ended too early"
            case .limitExceeded: "the limit is exceeded"
            case .processFailed: "a process ended before it was ready"
            case .nameNotFound: "the name does not exist"
            case .descriptorsLost: "descriptors that came with the message were lost"
            case .nameTemporarilyUnavailable: "the name cannot be looked up now"
            case .nameHasNoAddress: "the name has no such address"
            case .invalidName: "not a valid name"
            case .nameLookupFailed: "the name service failed"
            case .resolverBusy: "too many lookups are waiting"
            default: Errno(rawValue: number).message
            }
        }
    }
}

// Failures that the library itself finds.
extension SocketError.Code {
    /// The socket was closed by this program, before or during the operation.
    public static let closed = Self(-1)
    /// Another task is in an operation that only one task may do, such as reading a stream.
    public static let busy = Self(-2)
    /// A text that is not an address, or an address that cannot be used here.
    public static let invalidAddress = Self(-3)
    /// The peer ended the stream before all the requested bytes had come.
    public static let unexpectedEndOfStream = Self(-4)
    /// The operation would need more than the given limit, such as `read(until:limit:)` of
    /// ``TCPConnection``.
    public static let limitExceeded = Self(-5)
    /// A process that was started ended before it was ready.
    public static let processFailed = Self(-8)
    /// No such host or service name.
    public static let nameNotFound = Self(-6)
    /// The name service did not answer; trying again may help.
    public static let nameTemporarilyUnavailable = Self(-7)
    /// Descriptors that were passed with a message are lost. This process has no number left for
    /// them (`ulimit -n`), or more came than one read can hand out
    /// (``UnixMessage/maximumDescriptors``).
    public static let descriptorsLost = Self(-30)
    /// The name exists, without an address of the wanted version of IP.
    public static let nameHasNoAddress = Self(-20)
    /// A text that cannot be a host's name.
    public static let invalidName = Self(-21)
    /// The name service answered with an error of its own.
    public static let nameLookupFailed = Self(-22)
    /// Too many lookups are already waiting for the name service.
    public static let resolverBusy = Self(-23)
}

// Failures that the kernel finds. The library finds some of them before it asks the kernel.
extension SocketError.Code {
    /// The operation was cancelled (ECANCELED), as part of another error. Cancellation itself is
    /// most often `CancellationError`.
    public static let cancelled = Self(Errno.cancelled)
    /// A deadline passed, or the peer stopped answering (ETIMEDOUT).
    public static let timedOut = Self(Errno.timedOut)
    /// Another socket has the address (EADDRINUSE).
    public static let addressInUse = Self(Errno.addressInUse)
    /// No interface of this machine has the address, or no port is free (EADDRNOTAVAIL).
    public static let addressNotAvailable = Self(Errno.addressNotAvailable)
    /// No socket listens at the address (ECONNREFUSED).
    public static let connectionRefused = Self(Errno.connectionRefused)
    /// The peer ended the connection abruptly, with a reset (ECONNRESET).
    public static let connectionReset = Self(Errno.connectionReset)
    /// The connection was ended on this side of the network (ECONNABORTED).
    public static let connectionAborted = Self(Errno.connectionAborted)
    /// The direction that was written to is shut down, or the peer is gone (EPIPE, ESHUTDOWN).
    public static let brokenPipe = Self(Errno.brokenPipe)
    /// No route to the machine, or it does not answer (EHOSTUNREACH, EHOSTDOWN).
    public static let hostUnreachable = Self(Errno.hostUnreachable)
    /// No route to the network, or it is down (ENETUNREACH, ENETDOWN, ENONET).
    public static let networkUnreachable = Self(Errno.networkUnreachable)
    /// The process is not permitted to do that (EACCES, EPERM).
    public static let permissionDenied = Self(Errno.accessDenied)
    /// The process or the machine has no descriptor left (EMFILE, ENFILE).
    public static let tooManyDescriptors = Self(Errno.processDescriptorLimit)
    /// The kernel has no memory for it now (ENOBUFS, ENOMEM).
    public static let noBufferSpace = Self(Errno.noBufferSpace)
    /// A datagram larger than the protocol or the path can carry (EMSGSIZE).
    public static let messageTooLong = Self(Errno.messageTooLong)
    /// A value that the kernel does not accept here (EINVAL).
    public static let invalidArgument = Self(Errno.invalidArgument)
    /// An address of another family than the socket's (EAFNOSUPPORT).
    public static let wrongAddressFamily = Self(Errno.wrongAddressFamily)
    /// The kernel or this kind of socket does not support that (EOPNOTSUPP, ENOPROTOOPT,
    /// EPROTONOSUPPORT, ESOCKTNOSUPPORT, EPFNOSUPPORT, ENOSYS).
    public static let notSupported = Self(Errno.notSupported)
    /// A name that is too long, such as a Unix socket's path (ENAMETOOLONG).
    public static let nameTooLong = Self(Errno.nameTooLong)
    /// A descriptor of something other than a socket (ENOTSOCK).
    public static let notASocket = Self(Errno.notASocket)
    /// A number that is not an open descriptor (EBADF).
    public static let badDescriptor = Self(Errno.badDescriptor)
    /// The socket has no peer (ENOTCONN).
    public static let notConnected = Self(Errno.notConnected)
    /// The socket already has a peer (EISCONN).
    public static let alreadyConnected = Self(Errno.alreadyConnected)
    /// A datagram without a destination (EDESTADDRREQ).
    public static let destinationRequired = Self(Errno.destinationRequired)
    /// No file of that name (ENOENT).
    public static let noSuchFile = Self(Errno.noSuchFile)
    /// No such network interface (ENODEV).
    public static let noSuchInterface = Self(Errno.noSuchDevice)
    /// A value outside the range that can be expressed (ERANGE).
    public static let outOfRange = Self(Errno.outOfRange)
}

extension SocketError.Code: CustomStringConvertible {
    /// The code in words: `connection refused`.
    public var description: String { message }
}
