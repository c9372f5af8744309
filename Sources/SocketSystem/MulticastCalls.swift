internal import CSocketSystem

/// A change of a socket's membership in multicast groups, RFC 3678.
package struct MembershipChange: Hashable, Sendable {
    let rawValue: CInt

    /// Receive what anybody sends to the group.
    package static var join: Self { .init(CSOCK_JOIN) }
    /// Receive the group no more.
    package static var leave: Self { .init(CSOCK_LEAVE) }
    /// Receive what one source sends to the group.
    package static var joinSource: Self { .init(CSOCK_JOIN_SOURCE) }
    /// Receive that source no more.
    package static var leaveSource: Self { .init(CSOCK_LEAVE_SOURCE) }
    /// Of a group that was joined as a whole, drop what one source sends.
    package static var blockSource: Self { .init(CSOCK_BLOCK_SOURCE) }
    /// Receive that source again.
    package static var unblockSource: Self { .init(CSOCK_UNBLOCK_SOURCE) }

    private init(_ value: csock_membership) { rawValue = CInt(value.rawValue) }
}

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
