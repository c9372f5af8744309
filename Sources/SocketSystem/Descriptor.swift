internal import CSocketSystem

/// A file descriptor with one owner, who closes it once: when the value's life ends.
///
/// Everything that is made by this module is close-on-exec and non-blocking from birth.
package struct Descriptor: ~Copyable, Sendable {
    /// The number, non-negative.
    package let rawValue: CInt

    /// Takes over a descriptor that nobody else will close.
    package init(owning rawValue: CInt) { self.rawValue = rawValue }

    deinit { closeDescriptor(rawValue) }

    /// Gives the number away, unclosed.
    package consuming func release() -> CInt {
        let rawValue = rawValue
        discard self
        return rawValue
    }
}

/// Another descriptor of the same open file, close-on-exec, `fcntl(F_DUPFD_CLOEXEC)`.
package func duplicateDescriptor(_ descriptor: CInt) throws(Errno) -> Descriptor {
    Descriptor(owning: try check(csock_duplicate(descriptor)))
}

/// Closes a descriptor, close(2).
///
/// Linux frees the number whatever the call answers, EINTR included, so there is nothing to retry
/// and nothing to report.
package func closeDescriptor(_ descriptor: CInt) {
    _ = csock_close(descriptor)
}

/// Makes a descriptor that came from outside non-blocking and close-on-exec, fcntl(2).
package func adoptDescriptor(_ descriptor: CInt) throws(Errno) {
    try check(csock_set_nonblocking_cloexec(descriptor))
}

/// Turns the shim's convention, a result or a negated errno, into a result or a thrown `Errno`.
@discardableResult
@inline(__always)
func check(_ result: CInt) throws(Errno) -> CInt {
    guard result < 0 else { return result }
    throw Errno(rawValue: -result)
}
