internal import CSocketSystem
internal import Glibc

/// A failed system call's error number, errno(3).
public struct Errno: Error, Hashable, Sendable {
    /// The number, positive.
    public let rawValue: CInt
    /// The shim's number of the call that was refused; 0 if it is not known, and for other errors.
    /// It is no part of the value.
    @usableFromInline let refused: UInt8

    /// An error of this number.
    @inlinable
    public init(rawValue: CInt) { self.init(rawValue: rawValue, refused: 0) }

    @usableFromInline
    init(rawValue: CInt, refused: UInt8) {
        self.rawValue = rawValue
        self.refused = refused
    }

    /// Whether the numbers are the same.
    @inlinable
    public static func == (left: Errno, right: Errno) -> Bool { left.rawValue == right.rawValue }

    /// Hashes the number.
    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

    /// Whether the system does not have a call, or a sandbox, a firewall or a permission is in its
    /// way.
    package var isRefusal: Bool {
        rawValue == EPERM || rawValue == EACCES || rawValue == ENOSYS
    }

    /// The call that was refused, as `accept4`; nil if that is not known, or it failed otherwise.
    package var refusedCall: String? {
        guard refused != 0 else { return nil }
        var length: CInt = 0
        // SAFETY: a literal, which has at least this many bytes.
        guard let call = unsafe csock_refused_call(refused, &length) else { return nil }
        return unsafe call.withMemoryRebound(to: UInt8.self, capacity: Int(length)) { bytes in
            let bytes = unsafe UnsafeBufferPointer(start: bytes, count: Int(length))
            return unsafe String(decoding: bytes, as: UTF8.self)
        }
    }

    /// The symbol that manual pages use, `ECONNREFUSED`; `errno 4711` for a number without one.
    package var name: String {
        Self.texts(of: rawValue)?.name ?? "errno \(rawValue)"
    }

    /// What it means, in lower case and without a full stop: `connection refused`.
    package var message: String {
        Self.texts(of: rawValue)?.message ?? "unknown error"
    }
}

extension Errno: CustomStringConvertible {
    /// `connection refused (ECONNREFUSED)`
    public var description: String { "\(message) (\(name))" }
}

// The numbers that code above this floor compares with.
extension Errno {
    package static var again: Errno { Errno(rawValue: EAGAIN) }
    package static var ioError: Errno { Errno(rawValue: EIO) }
    package static var interrupted: Errno { Errno(rawValue: EINTR) }
    package static var inProgress: Errno { Errno(rawValue: EINPROGRESS) }
    package static var invalidArgument: Errno { Errno(rawValue: EINVAL) }
    package static var badDescriptor: Errno { Errno(rawValue: EBADF) }
    package static var notSupported: Errno { Errno(rawValue: EOPNOTSUPP) }
    package static var noSuchOption: Errno { Errno(rawValue: ENOPROTOOPT) }
    package static var shutDown: Errno { Errno(rawValue: ESHUTDOWN) }
    package static var protocolNotSupported: Errno { Errno(rawValue: EPROTONOSUPPORT) }
    package static var socketTypeNotSupported: Errno { Errno(rawValue: ESOCKTNOSUPPORT) }
    package static var protocolFamilyNotSupported: Errno { Errno(rawValue: EPFNOSUPPORT) }
    package static var notImplemented: Errno { Errno(rawValue: ENOSYS) }
    package static var noSuchFile: Errno { Errno(rawValue: ENOENT) }
    package static var noSuchProcess: Errno { Errno(rawValue: ESRCH) }
    package static var noSuchDevice: Errno { Errno(rawValue: ENODEV) }
    package static var notConnected: Errno { Errno(rawValue: ENOTCONN) }
    package static var alreadyConnected: Errno { Errno(rawValue: EISCONN) }
    package static var notASocket: Errno { Errno(rawValue: ENOTSOCK) }
    package static var destinationRequired: Errno { Errno(rawValue: EDESTADDRREQ) }
    package static var messageTooLong: Errno { Errno(rawValue: EMSGSIZE) }
    package static var nameTooLong: Errno { Errno(rawValue: ENAMETOOLONG) }
    package static var outOfRange: Errno { Errno(rawValue: ERANGE) }
    package static var wrongAddressFamily: Errno { Errno(rawValue: EAFNOSUPPORT) }
    package static var addressInUse: Errno { Errno(rawValue: EADDRINUSE) }
    package static var addressNotAvailable: Errno { Errno(rawValue: EADDRNOTAVAIL) }
    package static var accessDenied: Errno { Errno(rawValue: EACCES) }
    package static var notPermitted: Errno { Errno(rawValue: EPERM) }
    package static var brokenPipe: Errno { Errno(rawValue: EPIPE) }
    package static var connectionRefused: Errno { Errno(rawValue: ECONNREFUSED) }
    package static var connectionReset: Errno { Errno(rawValue: ECONNRESET) }
    package static var connectionAborted: Errno { Errno(rawValue: ECONNABORTED) }
    package static var timedOut: Errno { Errno(rawValue: ETIMEDOUT) }
    package static var cancelled: Errno { Errno(rawValue: ECANCELED) }
    package static var networkDown: Errno { Errno(rawValue: ENETDOWN) }
    package static var networkUnreachable: Errno { Errno(rawValue: ENETUNREACH) }
    package static var hostDown: Errno { Errno(rawValue: EHOSTDOWN) }
    package static var hostUnreachable: Errno { Errno(rawValue: EHOSTUNREACH) }
    package static var noNetwork: Errno { Errno(rawValue: ENONET) }
    package static var protocolError: Errno { Errno(rawValue: EPROTO) }
    package static var processDescriptorLimit: Errno { Errno(rawValue: EMFILE) }
    package static var systemDescriptorLimit: Errno { Errno(rawValue: ENFILE) }
    package static var noBufferSpace: Errno { Errno(rawValue: ENOBUFS) }
    package static var noMemory: Errno { Errno(rawValue: ENOMEM) }
    package static var noSpace: Errno { Errno(rawValue: ENOSPC) }
}

extension Errno {
    /// Whether ICMP is translated to it, so that a call may fail with it for an earlier datagram's
    /// sake.
    package var comesFromNetwork: Bool {
        switch rawValue {
        case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET, EPROTO, ENOPROTOOPT,
            EOPNOTSUPP, EMSGSIZE, EACCES:
            true
        default: false
        }
    }
}
