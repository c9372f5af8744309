internal import SocketReactor
internal import SocketSystem

extension UDPSocket {
    /// Joins a multicast group: the socket receives datagrams to the group at the port that it is
    /// bound to.
    ///
    /// A socket receives only the groups that it joined itself. Membership belongs to one interface
    /// and ends with `leave` or when the socket is closed. If the interface is removed, nothing
    /// more arrives; a group must be joined anew on the interface that replaces it. The
    /// corresponding system call is `setsockopt(2)` with MCAST_JOIN_GROUP, or
    /// MCAST_JOIN_SOURCE_GROUP for one source.
    ///
    /// - Parameters:
    ///   - group: The group's address.
    ///   - source: The one sender to receive from (source-specific multicast, RFC 4607); nil for
    ///     all. Several may be joined one after the other.
    ///   - interface: The interface to receive it on; nil for the interface of the route to the
    ///     group.
    /// - Throws: `SocketError`: `.invalidArgument` for an address that is not a group,
    ///   `.addressInUse` if the socket is already a member, `.noSuchInterface` (without an
    ///   interface: if there is no route to the group), `.noBufferSpace` for too many groups
    ///   (`net.ipv4.igmp_max_memberships`; a membership on an interface that was removed counts
    ///   until it is left), `.wrongAddressFamily`, `.closed`.
    public func join(
        _ group: IPAddress,
        from source: IPAddress? = nil,
        on interface: NetworkInterface? = nil
    ) throws(SocketError) {
        try change(source == nil ? .join : .joinSource, .join, group, source, interface)
    }

    /// Joins a multicast group; see ``join(_:from:on:)-(IPAddress,_,_)``.
    ///
    /// - Parameters:
    ///   - group: The group's address, such as `239.0.0.10` or `ff02::1234`.
    ///   - source: The one sender to receive from; nil for all.
    ///   - interface: The interface to receive it on; nil for the interface of the route to the
    ///     group.
    /// - Throws: As for an `IPAddress`; `.invalidAddress` if a text is not an address.
    public func join(
        _ group: String,
        from source: String? = nil,
        on interface: NetworkInterface? = nil
    ) throws(SocketError) {
        try join(IPAddress(group), from: Self.address(source), on: interface)
    }

    /// Ends a membership: the socket no longer receives datagrams that are sent to the group from
    /// now on.
    ///
    /// Datagrams that had arrived before are still received. The corresponding system call is
    /// `setsockopt(2)` with MCAST_LEAVE_GROUP or MCAST_LEAVE_SOURCE_GROUP.
    ///
    /// - Parameters:
    ///   - group: As for `join`.
    ///   - source: As for `join`.
    ///   - interface: As for `join`.
    /// - Throws: `SocketError`: `.addressNotAvailable` if the socket is not a member, `.closed`.
    public func leave(
        _ group: IPAddress,
        from source: IPAddress? = nil,
        on interface: NetworkInterface? = nil
    ) throws(SocketError) {
        try change(source == nil ? .leave : .leaveSource, .leave, group, source, interface)
    }

    /// Ends a membership; see ``leave(_:from:on:)-(IPAddress,_,_)``.
    ///
    /// - Parameters:
    ///   - group: As for `join`.
    ///   - source: As for `join`.
    ///   - interface: As for `join`.
    /// - Throws: As for an `IPAddress`; `.invalidAddress` if a text is not an address.
    public func leave(
        _ group: String,
        from source: String? = nil,
        on interface: NetworkInterface? = nil
    ) throws(SocketError) {
        try leave(IPAddress(group), from: Self.address(source), on: interface)
    }

    /// Blocks one sender in a group that was joined for all senders.
    ///
    /// The corresponding system call is `setsockopt(2)` with MCAST_BLOCK_SOURCE.
    ///
    /// - Parameters:
    ///   - source: The sender.
    ///   - group: The group.
    ///   - interface: The interface that the group was joined on.
    /// - Throws: `SocketError`: `.addressNotAvailable` if the sender is already blocked,
    ///   `.invalidArgument` if the socket has not joined the group for all sources, `.closed`.
    public func block(
        _ source: IPAddress,
        in group: IPAddress,
        on interface: NetworkInterface? = nil
    ) throws(SocketError) {
        try change(.blockSource, .block, group, source, interface)
    }

    /// Blocks one sender in a group; see ``block(_:in:on:)-(IPAddress,_,_)``.
    ///
    /// - Parameters:
    ///   - source: The sender.
    ///   - group: The group.
    ///   - interface: The interface that the group was joined on.
    /// - Throws: As for an `IPAddress`; `.invalidAddress` if a text is not an address.
    public func block(
        _ source: String,
        in group: String,
        on interface: NetworkInterface? = nil
    ) throws(SocketError) {
        try block(IPAddress(source), in: IPAddress(group), on: interface)
    }

    /// Receives a blocked sender's datagrams to a group again.
    ///
    /// The corresponding system call is `setsockopt(2)` with MCAST_UNBLOCK_SOURCE.
    ///
    /// - Parameters:
    ///   - source: The sender.
    ///   - group: The group.
    ///   - interface: The interface that the group was joined on.
    /// - Throws: `SocketError`: `.addressNotAvailable` if the sender is not blocked, `.closed`.
    public func unblock(
        _ source: IPAddress,
        in group: IPAddress,
        on interface: NetworkInterface? = nil
    ) throws(SocketError) {
        try change(.unblockSource, .unblock, group, source, interface)
    }

    /// Receives a blocked sender's datagrams to a group again; see
    /// ``unblock(_:in:on:)-(IPAddress,_,_)``.
    ///
    /// - Parameters:
    ///   - source: The sender.
    ///   - group: The group.
    ///   - interface: The interface that the group was joined on.
    /// - Throws: As for an `IPAddress`; `.invalidAddress` if a text is not an address.
    public func unblock(
        _ source: String,
        in group: String,
        on interface: NetworkInterface? = nil
    ) throws(SocketError) {
        try unblock(IPAddress(source), in: IPAddress(group), on: interface)
    }
}

extension UDPSocket {
    private static func address(_ text: String?) throws(SocketError) -> IPAddress? {
        guard let text else { return nil }
        return try IPAddress(text)
    }

    private func change(
        _ change: MembershipChange,
        _ operation: SocketError.Operation,
        _ group: IPAddress,
        _ source: IPAddress?,
        _ interface: NetworkInterface?
    ) throws(SocketError) {
        let target = SocketAddress(group, port: 0)
        if let fault = fault(group, source) {
            throw SocketError(operation, code: fault.code, remote: target, reason: fault.reason)
        }
        // A link-local group may name its interface itself, as its zone.
        let index = interface?.index ?? target.storage.ipv6?.scope ?? 0
        let value: Void?
        do throws(Errno) {
            value = try core.registration.use { socket throws(Errno) in
                try Self.apply(
                    change,
                    to: socket,
                    target.storage,
                    source.map { SocketAddress($0, port: 0).storage },
                    index
                )
            }
        } catch {
            let (code, reason) = Self.meaning(error, change, group, source, interface)
            let local = localAddress
            guard code == SocketError.Code(error) else {
                throw SocketError(
                    operation,
                    code: code,
                    local: local,
                    remote: target,
                    reason: reason
                )
            }
            throw SocketError(operation, error, local: local, remote: target, reason: reason)
        }
        if value == nil { throw SocketError(operation, code: .closed, remote: target) }
    }

    /// Changes a membership. One that is dead, because its interface was removed and another one
    /// has the index now, is replaced: the kernel keeps it, and takes a new one for a repetition.
    private static func apply(
        _ change: MembershipChange,
        to socket: CInt,
        _ group: AddressStorage,
        _ source: AddressStorage?,
        _ index: UInt32
    ) throws(Errno) {
        func call(_ change: MembershipChange, _ source: AddressStorage?) throws(Errno) {
            try changeMembership(
                of: socket,
                change,
                group: group,
                source: source,
                interface: index
            )
        }
        let isJoin = change == .join || change == .joinSource
        do throws(Errno) {
            try call(change, source)
            // A further source of a dead membership is accepted, and not received.
            if change != .joinSource || isReceived(group, on: index) != false { return }
        } catch {
            let isMember = error == .addressInUse || error == .addressNotAvailable
            // If other sockets have joined the group there, this one receives it, too.
            guard isJoin, isMember, isReceived(group, on: index) == false else { throw error }
        }
        try call(.leave, nil)
        try call(change, source)
    }

    /// The fault in the arguments, found before the kernel is asked.
    private func fault(
        _ group: IPAddress,
        _ source: IPAddress?
    ) -> (code: SocketError.Code, reason: String)? {
        guard group.isMulticast else {
            return (.invalidArgument, "\(group) is not a multicast address")
        }
        let isIPv6Group = SocketAddress(group, port: 0).family == .ipv6
        if isIPv6Group, !isIPv6 {
            return (.wrongAddressFamily, "an IPv4 socket cannot receive the IPv6 group \(group)")
        }
        if let source, (SocketAddress(source, port: 0).family == .ipv6) != isIPv6Group {
            return (.wrongAddressFamily, "\(source) cannot send to the group \(group)")
        }
        return nil
    }

    /// The meaning of the kernel's answer: one number stands for several faults, and one fault has
    /// several numbers.
    private static func meaning(
        _ errno: Errno,
        _ change: MembershipChange,
        _ group: IPAddress,
        _ source: IPAddress?,
        _ interface: NetworkInterface?
    ) -> (SocketError.Code, String?) {
        let on = interface.map { " on \($0.name)" } ?? ""
        let group = "\(group)" + (source.map { " from \($0)" } ?? "")
        let notMember = "not a member of \(group)\(on)"
        switch (errno, change) {
        case (.noSuchDevice, _):
            return (
                SocketError.Code(errno),
                interface.map { "the interface \($0.name) is gone" }
                    ?? "no route to \(group) says by which interface: name one (on:)"
            )
        case (.addressInUse, _), (.addressNotAvailable, .joinSource):
            return (.addressInUse, "already a member of \(group)\(on)")
        case (.invalidArgument, .joinSource):
            return (.invalidArgument, "of this group all but blocked sources are received\(on)")
        case (.addressNotAvailable, .blockSource):
            return (.addressNotAvailable, "already blocked\(on)")
        case (.addressNotAvailable, .unblockSource):
            return (.addressNotAvailable, "not blocked\(on)")
        case (.invalidArgument, .blockSource), (.invalidArgument, .unblockSource):
            return (.invalidArgument, "the group is not joined for all sources\(on)")
        case (.addressNotAvailable, _), (.invalidArgument, .leaveSource):
            return (.addressNotAvailable, notMember)
        case (.invalidArgument, .leave): return (.invalidArgument, notMember)
        case (.noBufferSpace, _), (.noMemory, _):
            let sources = source == nil ? "" : " or sources (net.ipv4.igmp_max_msf)"
            return (
                SocketError.Code(errno),
                "no room for \(group)\(on): the socket has too many groups "
                    + "(net.ipv4.igmp_max_memberships; those of removed interfaces count until "
                    + "they are left)\(sources)"
            )
        default: return (SocketError.Code(errno), nil)
        }
    }
}

extension SocketError.Operation {
    /// Blocking a sender of a multicast group.
    public static var block: Self { Self("block") }
    /// Unblocking a sender of a multicast group.
    public static var unblock: Self { Self("unblock") }
}
