internal import CSocketSystem
internal import Glibc

/// Whether a descriptor can be read now, or has ended or failed, poll(2).
package func isReadable(_ descriptor: CInt) throws(Errno) -> Bool {
    // POLLRDHUP, which Swift's Glibc module does not show.
    let peerClosed: CInt = 0x2000
    return try pollNow(descriptor, CInt(POLLIN) | CInt(POLLPRI) | peerClosed)
}

/// Whether a descriptor can be written to now, or has failed, poll(2).
package func isWritable(_ descriptor: CInt) throws(Errno) -> Bool {
    try pollNow(descriptor, CInt(POLLOUT))
}

private func pollNow(_ descriptor: CInt, _ events: CInt) throws(Errno) -> Bool {
    while true {
        do throws(Errno) {
            let shown = try check(csock_poll_now(descriptor, events))
            if shown & CInt(POLLNVAL) != 0 { throw .badDescriptor }
            return shown != 0
        } catch  where error == .interrupted {
            continue
        }
    }
}

/// Throws what epoll_ctl(2) would for a descriptor that cannot be waited for, fstat(2): EPERM for
/// files and directories, which poll(2) and select(2) call ready at all times.
package func checkWatchable(_ descriptor: CInt) throws(Errno) {
    try check(csock_check_watchable(descriptor))
}
