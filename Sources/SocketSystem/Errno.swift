internal import Glibc

/// A failed system call's error number, errno(3).
package struct Errno: Error, Hashable, Sendable {
    /// The number, positive.
    package let rawValue: CInt

    @inlinable
    package init(rawValue: CInt) { self.rawValue = rawValue }

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
    package var description: String { "\(message) (\(name))" }
}

// The numbers that code above this floor compares with. They are inlinable because a hot path
// asks for `again` after every system call that would have waited.
extension Errno {
    @inlinable package static var again: Errno { Errno(rawValue: EAGAIN) }
    @inlinable package static var interrupted: Errno { Errno(rawValue: EINTR) }
    @inlinable package static var inProgress: Errno { Errno(rawValue: EINPROGRESS) }
    @inlinable package static var alreadyInProgress: Errno { Errno(rawValue: EALREADY) }
    @inlinable package static var invalidArgument: Errno { Errno(rawValue: EINVAL) }
    @inlinable package static var badDescriptor: Errno { Errno(rawValue: EBADF) }
    @inlinable package static var notSupported: Errno { Errno(rawValue: EOPNOTSUPP) }
    @inlinable package static var noSuchOption: Errno { Errno(rawValue: ENOPROTOOPT) }
    @inlinable package static var shutDown: Errno { Errno(rawValue: ESHUTDOWN) }
    @inlinable package static var protocolNotSupported: Errno { Errno(rawValue: EPROTONOSUPPORT) }
    @inlinable package static var socketTypeNotSupported: Errno { Errno(rawValue: ESOCKTNOSUPPORT) }
    @inlinable package static var protocolFamilyNotSupported: Errno {
        Errno(rawValue: EPFNOSUPPORT)
    }
    @inlinable package static var notImplemented: Errno { Errno(rawValue: ENOSYS) }
    @inlinable package static var noSuchFile: Errno { Errno(rawValue: ENOENT) }
    @inlinable package static var fileExists: Errno { Errno(rawValue: EEXIST) }
    @inlinable package static var noSuchDevice: Errno { Errno(rawValue: ENODEV) }
    @inlinable package static var noSuchDeviceOrAddress: Errno { Errno(rawValue: ENXIO) }
    @inlinable package static var notConnected: Errno { Errno(rawValue: ENOTCONN) }
    @inlinable package static var alreadyConnected: Errno { Errno(rawValue: EISCONN) }
    @inlinable package static var notASocket: Errno { Errno(rawValue: ENOTSOCK) }
    @inlinable package static var destinationRequired: Errno { Errno(rawValue: EDESTADDRREQ) }
    @inlinable package static var messageTooLong: Errno { Errno(rawValue: EMSGSIZE) }
    @inlinable package static var nameTooLong: Errno { Errno(rawValue: ENAMETOOLONG) }
    @inlinable package static var outOfRange: Errno { Errno(rawValue: ERANGE) }
    @inlinable package static var wrongAddressFamily: Errno { Errno(rawValue: EAFNOSUPPORT) }
    @inlinable package static var addressInUse: Errno { Errno(rawValue: EADDRINUSE) }
    @inlinable package static var addressNotAvailable: Errno { Errno(rawValue: EADDRNOTAVAIL) }
    @inlinable package static var accessDenied: Errno { Errno(rawValue: EACCES) }
    @inlinable package static var notPermitted: Errno { Errno(rawValue: EPERM) }
    @inlinable package static var brokenPipe: Errno { Errno(rawValue: EPIPE) }
    @inlinable package static var connectionRefused: Errno { Errno(rawValue: ECONNREFUSED) }
    @inlinable package static var connectionReset: Errno { Errno(rawValue: ECONNRESET) }
    @inlinable package static var connectionAborted: Errno { Errno(rawValue: ECONNABORTED) }
    @inlinable package static var timedOut: Errno { Errno(rawValue: ETIMEDOUT) }
    @inlinable package static var cancelled: Errno { Errno(rawValue: ECANCELED) }
    @inlinable package static var networkDown: Errno { Errno(rawValue: ENETDOWN) }
    @inlinable package static var networkUnreachable: Errno { Errno(rawValue: ENETUNREACH) }
    @inlinable package static var hostDown: Errno { Errno(rawValue: EHOSTDOWN) }
    @inlinable package static var hostUnreachable: Errno { Errno(rawValue: EHOSTUNREACH) }
    @inlinable package static var noNetwork: Errno { Errno(rawValue: ENONET) }
    @inlinable package static var protocolError: Errno { Errno(rawValue: EPROTO) }
    @inlinable package static var processDescriptorLimit: Errno { Errno(rawValue: EMFILE) }
    @inlinable package static var systemDescriptorLimit: Errno { Errno(rawValue: ENFILE) }
    @inlinable package static var noBufferSpace: Errno { Errno(rawValue: ENOBUFS) }
    @inlinable package static var noMemory: Errno { Errno(rawValue: ENOMEM) }
}
