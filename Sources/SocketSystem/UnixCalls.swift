internal import CSocketSystem
internal import Glibc

/// Makes two sockets that are connected to each other, socketpair(2).
package func openSocketPair(type: CInt) throws(Errno) -> (CInt, CInt) {
    var ends: (CInt, CInt) = (-1, -1)
    try unsafe withUnsafeMutablePointer(to: &ends) { pointer throws(Errno) in
        // SAFETY: a tuple of two CInt is laid out as C's `int[2]`.
        _ = try unsafe pointer.withMemoryRebound(to: CInt.self, capacity: 2) {
            (ends) throws(Errno) in try check(unsafe csock_socketpair(type, ends))
        }
    }
    return ends
}

/// Gives each packet of a socket something beside its bytes, so that an empty one is told apart
/// from the end of the connection, for which recvmsg(2) answers 0 as well; SO_TIMESTAMPNS in
/// socket(7).
package func markPackets(of socket: CInt) throws(Errno) {
    try check(csock_mark_packets(socket))
}

// MARK: - The peer

/// The peer's process when it connected or began to listen, SO_PEERCRED in unix(7).
package func peerCredentials(of socket: CInt) throws(Errno) -> ProcessCredentials {
    var (process, user, group): (Int32, UInt32, UInt32) = (0, 0, 0)
    // SAFETY: each pointer is to a local of its type.
    try check(unsafe csock_peer_credentials(socket, &process, &user, &group))
    return ProcessCredentials((process, user, group))
}

/// A pidfd of the peer, SO_PEERPIDFD in unix(7); since Linux 6.5.
package func peerProcessDescriptor(of socket: CInt) throws(Errno) -> Descriptor {
    Descriptor(owning: try check(csock_peer_process_descriptor(socket)))
}

/// The peer's supplementary groups, SO_PEERGROUPS in unix(7).
package func peerGroups(of socket: CInt) throws(Errno) -> [UInt32] {
    // NGROUPS_MAX: no process has more.
    let capacity = 65_536
    var answer: CInt = 0
    // SAFETY: the kernel writes at most `capacity` groups and says how many.
    let groups = unsafe [UInt32](unsafeUninitializedCapacity: capacity) { buffer, count in
        answer = unsafe csock_peer_groups(socket, buffer.baseAddress, UInt32(capacity))
        count = max(0, Int(answer))
    }
    try check(answer)
    return [UInt32](groups[...])
}
