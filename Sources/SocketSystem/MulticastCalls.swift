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

/// Whether an interface receives a group for any socket of the calling thread's network namespace,
/// igmp and igmp6 in proc(5).
///
/// - Parameters:
///   - group: The group.
///   - interface: The interface's index; 0 for any interface.
/// - Returns: Whether it does; nil if that cannot be known.
package func isReceived(_ group: AddressStorage, on interface: UInt32) -> Bool? {
    if let group = group.ipv6 {
        // A line is an index, a name, a group and more.
        return kernelTable("igmp6")?.contains { words in
            words.count > 2 && words[2].utf8.count == 32
                && UInt64(words[2].prefix(16), radix: 16) == group.high
                && UInt64(words[2].suffix(16), radix: 16) == group.low
                && (interface == 0 || UInt32(words[0]) == interface)
        }
    }
    guard let (address, _) = group.ipv4, let lines = kernelTable("igmp") else { return nil }
    var current: UInt32?
    for words in lines {
        // An interface's line has a colon; those of its groups follow, in the network's order.
        if words.contains(where: { $0.hasSuffix(":") }) {
            current = words.first.flatMap { UInt32($0) }
        } else if interface == 0 || current == interface, let group = words.first,
            UInt32(group, radix: 16) == address.bigEndian
        {
            return true
        }
    }
    return false
}
