internal import CSocketSystem

/// A change of a socket's membership in multicast groups, RFC 3678.
package struct MembershipChange: Hashable, Sendable {
    let rawValue: CInt

    /// Receive what any source sends to the group.
    package static var join: Self { .init(CSOCK_JOIN) }
    /// Receive the group no more.
    package static var leave: Self { .init(CSOCK_LEAVE) }
    /// Receive what one source sends to the group.
    package static var joinSource: Self { .init(CSOCK_JOIN_SOURCE) }
    /// Receive that source no more.
    package static var leaveSource: Self { .init(CSOCK_LEAVE_SOURCE) }
    /// Drop what one source sends to a group that was joined as a whole.
    package static var blockSource: Self { .init(CSOCK_BLOCK_SOURCE) }
    /// Receive that source again.
    package static var unblockSource: Self { .init(CSOCK_UNBLOCK_SOURCE) }

    private init(_ value: csock_membership) { rawValue = CInt(value.rawValue) }
}
