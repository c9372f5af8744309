internal import SocketSystem

extension SocketError {
    /// The system call that refused an address: bind(2), connect(2), sendto(2).
    enum AddressCall { case bind, connect, send }

    /// An address was refused. The error has in words what the number does not say.
    init(
        _ operation: Operation,
        _ errno: Errno,
        refusedBy call: AddressCall,
        local: SocketAddress?,
        remote: SocketAddress? = nil
    ) {
        let reason = Self.refusal(errno, by: call, local: local, remote: remote)
        self.init(operation, errno, local: local, remote: remote, reason: reason)
    }

    /// Why an address was refused, where the error number stands for several causes or hides the
    /// remedy; nil if it says enough.
    ///
    /// - Parameters:
    ///   - errno: What the call answered.
    ///   - call: The call that answered.
    ///   - local: The socket's address as the program wants it; nil if the kernel chooses.
    ///   - remote: The peer's.
    /// - Returns: The end of a sentence.
    static func refusal(
        _ errno: Errno,
        by call: AddressCall,
        local: SocketAddress?,
        remote: SocketAddress?
    ) -> String? {
        let isVague: Set<Errno> = [
            .invalidArgument, .networkUnreachable, .noSuchDevice, .addressNotAvailable,
        ]
        if isVague.contains(errno), let reason = linkFault(local, remote) { return reason }
        switch (call, errno) {
        case (.bind, .addressNotAvailable):
            return local?.ip.map { absence(of: $0) }
        case (.bind, .addressInUse) where local?.port == 0:
            return "no port is left (net.ipv4.ip_local_port_range)"
        case (.bind, .addressInUse):
            guard remote != nil else { return nil }
            return "a socket that listens, or does not share its port (reuseAddress), has the port"
        case (.connect, .addressNotAvailable):
            if let port = local?.port, port != 0 {
                return "a connection from port \(port) to there exists, or has ended a moment ago"
            }
            return (local == nil ? missingSource(to: remote) : nil) ?? noPort
        case (.send, .addressNotAvailable):
            return missingSource(to: remote)
        case (.connect, .again):
            return noPort
        default: return nil
        }
    }

    /// The remedy for an address that means nothing without an interface.
    static func zoneNeeded(by ip: IPAddress) -> String {
        "\(ip) is an address of one link: it needs the interface, as in \(ip)%eth0"
    }

    private static let noPort =
        "no local port is left for this destination (net.ipv4.ip_local_port_range)"

    /// Why an address cannot be used although the machine may well have it.
    static func absence(of ip: IPAddress, _ interface: UInt32? = nil) -> String {
        let entries = InterfaceList.ipv6Entries().filter { ip.isSame(as: $0) }
        if entries.contains(where: { $0.isDuplicate }) {
            return "another machine of the link has \(ip), too (duplicate address detection)"
        }
        if entries.contains(where: { $0.isTentative }) {
            return "\(ip) is tentative: the kernel still asks the link whether another machine "
                + "has it; try again in a moment, or bind with the option freeBind"
        }
        if let interface, interface != 0 {
            return "the interface with the index \(interface) does not have \(ip)"
        }
        return "no interface of this machine has \(ip)"
    }

    /// Why the kernel finds no address of this machine to reach a peer from; nil if there is one.
    private static func missingSource(to remote: SocketAddress?) -> String? {
        guard case .v6(let peer) = remote?.ip, !peer.isLoopback else { return nil }
        // From its own link a peer is reached by that interface's addresses only.
        let candidates = InterfaceList.ipv6Entries().compactMap { entry in
            SocketAddress(entry.address)?.ip.flatMap { ip -> (text: String, isUsable: Bool)? in
                guard case .v6(let own) = ip, own.isLinkLocal == peer.isLinkLocal,
                    peer.zone == 0 || own.zone == peer.zone, !own.isLoopback
                else { return nil }
                return ("\(ip)", !entry.isTentative)
            }
        }
        if candidates.isEmpty || candidates.contains(where: \.isUsable) { return nil }
        let list = candidates.map(\.text).joined(separator: ", ")
        return "this machine's addresses on the way are tentative (\(list)): the kernel still asks "
            + "the link whether another machine has them; try again in a moment"
    }

    /// What is wrong with addresses that belong to a link, or with the two together.
    private static func linkFault(_ local: SocketAddress?, _ remote: SocketAddress?) -> String? {
        for address in [local, remote] {
            if let ip = address?.ip, ip.lacksZone { return zoneNeeded(by: ip) }
            if let zone = address?.zone, InterfaceList.name(ofIndex: zone) == nil {
                return "no interface has the index \(zone)"
            }
        }
        guard let own = local?.ip, let peer = remote?.ip else { return nil }
        if let here = local?.zone, let there = remote?.zone, here != there {
            return "\(own) and \(peer) are addresses of two links"
        }
        if own.isLoopback, !peer.isLoopback {
            return "from \(own) only this machine can be reached"
        }
        return nil
    }
}

extension SocketAddress {
    /// The index of the interface that the address belongs to; nil for none.
    fileprivate var zone: UInt32? {
        guard case .v6(let address) = ip, address.zone != 0 else { return nil }
        return address.zone
    }
}

extension IPAddress {
    /// Whether it means nothing without an interface, and names none.
    var lacksZone: Bool {
        guard case .v6(let address) = self else { return false }
        return address.zone == 0 && (address.isLinkLocal || address.isLinkLocalMulticast)
    }

    /// Whether it is an interface's address; the zone is compared only if there is one.
    fileprivate func isSame(as entry: InterfaceList.IPv6Entry) -> Bool {
        guard case .v6(let own) = self, let other = entry.address.ipv6 else { return false }
        return own.high == other.high && own.low == other.low
            && (own.zone == 0 || own.zone == other.scope)
    }

    /// Whether datagrams to it go to every machine of a network, as the kernel sees it, which then
    /// wants SO_BROADCAST.
    var isBroadcastHere: Bool {
        guard case .v4(let address) = unmapped else { return false }
        if address.isBroadcast { return true }
        guard let interfaces = try? NetworkInterface.all() else { return false }
        return interfaces.flatMap(\.addresses).contains { own in
            guard case .v4(let ip) = own.ip else { return false }
            if own.broadcast == address { return true }
            let hosts = own.prefixLength < 31 ? UInt32.max >> UInt32(own.prefixLength) : 0
            return hosts != 0 && address.rawValue == ip.rawValue | hosts
        }
    }
}
