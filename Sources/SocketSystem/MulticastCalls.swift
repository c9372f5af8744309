internal import CSocketSystem

/// Changes a socket's membership, setsockopt(2) with MCAST_JOIN_GROUP and its like.
///
/// - Parameters:
///   - socket: The socket.
///   - change: What changes.
///   - group: The group that is concerned.
///   - source: The one source that is concerned, for the changes that name one.
///   - interface: The interface's index; 0 lets the routing table choose.
/// - Throws: What setsockopt(2) answers.
package func changeMembership(
    of socket: CInt,
    _ change: MembershipChange,
    group: AddressStorage,
    source: AddressStorage?,
    interface: UInt32
) throws(Errno) {
    try unsafe group.withSockaddr { (group, groupLength) throws(Errno) in
        guard let source else {
            // SAFETY: the group's address is readable during the call.
            _ = try check(
                unsafe csock_change_membership(
                    socket,
                    change.rawValue,
                    interface,
                    group,
                    groupLength,
                    group,
                    0
                )
            )
            return
        }
        try unsafe source.withSockaddr { (source, sourceLength) throws(Errno) in
            // SAFETY: both addresses are readable during the call.
            _ = try check(
                unsafe csock_change_membership(
                    socket,
                    change.rawValue,
                    interface,
                    group,
                    groupLength,
                    source,
                    sourceLength
                )
            )
        }
    }
}
