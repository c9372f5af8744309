internal import Glibc

/// A failed system call's error number, errno(3).
package struct Errno: Error, Hashable, Sendable {
    /// The number, positive.
    package let rawValue: CInt

    @inlinable
    package init(rawValue: CInt) { self.rawValue = rawValue }
}

extension Errno {
    package static var again: Errno { Errno(rawValue: EAGAIN) }
    package static var interrupted: Errno { Errno(rawValue: EINTR) }
}
