internal import CSocketSystem

/// A file descriptor with one owner. It is closed once: when the value's life ends.
///
/// Everything that is made by this module is close-on-exec and non-blocking from birth, and has
/// none of the numbers 0 to 2: a program that runs without its standard output must not print into
/// a socket.
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

/// The descriptor itself, unless it is 0, 1 or 2: those are moved, `fcntl(F_DUPFD_CLOEXEC)`. Nil if
/// it cannot be; it is closed then.
package func movedUp(_ descriptor: CInt) -> CInt? {
    if descriptor > 2 { return descriptor }
    let higher = csock_move_up(descriptor, 3)
    return higher < 0 ? nil : higher
}

/// Closes a descriptor, close(2).
///
/// With a positive SO_LINGER close(2) waits in the kernel until the peer has what was sent, also if
/// the socket is non-blocking; socket(7). It has no other effect: the kernel goes on sending after
/// close(2) anyway. So it is switched off before. A linger of zero, which resets, stays.
///
/// Linux frees the number even if the call fails, with EINTR too, so there is nothing to retry and
/// nothing to report.
package func closeDescriptor(_ descriptor: CInt) {
    csock_stop_lingering(descriptor)
    _ = csock_close(descriptor)
}

/// Makes a descriptor that came from outside non-blocking and close-on-exec, fcntl(2).
package func adoptDescriptor(_ descriptor: CInt) throws(Errno) {
    try check(csock_set_nonblocking_cloexec(descriptor))
}

/// Whether a number is an open descriptor, fcntl(2).
package func isOpen(_ descriptor: CInt) -> Bool { csock_is_open(descriptor) != 0 }

/// Closes a descriptor at execve(2), and leaves all else as it is, fcntl(2).
package func closeOnExec(_ descriptor: CInt) throws(Errno) {
    try check(csock_close_on_exec(descriptor))
}
