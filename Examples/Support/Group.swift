public import AsyncSockets

/// A multicast group at a port, on one interface.
public struct Group: Sendable {
    /// The group's address.
    public let ip: IPAddress
    /// The destination of datagrams for the group.
    public let address: SocketAddress
    /// The interface of its members.
    public let interface: NetworkInterface

    /// Reads `239.0.0.10:9999`, `[ff02::1:5]:9999` or `[ff02::1:5%eth0]:9999`.
    ///
    /// - Parameters:
    ///   - text: The group and the port.
    ///   - name: The interface's name; nil for the zone of the group or, if it has none, the
    ///     loopback interface.
    /// - Throws: `WrongArguments` or `SocketError`.
    public init(_ text: String, on name: String?) throws {
        let address = try SocketAddress(text)
        guard let ip = address.ip, let port = address.port, ip.isMulticast else {
            throw WrongArguments("\(address) is not a multicast group")
        }
        switch ip {
        case .v4:
            interface = try name.map(NetworkInterface.named) ?? .loopback
            self.ip = ip
        case .v6(let group):
            let named = try name.map(NetworkInterface.named)
            let zone = try group.zone == 0 ? nil : NetworkInterface.withIndex(group.zone)
            if let named, let zone, named.index != zone.index {
                throw WrongArguments("\(address) is not on \(named.name)")
            }
            interface = try named ?? zone ?? .loopback
            // A group of one link means nothing without the link.
            self.ip = .v6(group.inZone(interface.index))
        }
        self.address = SocketAddress(self.ip, port: port)
    }

    /// The interface's own address of the group's version, if it has one, and any port. A sender
    /// should be bound to it, so that its datagrams do not seem to come from another interface.
    public var senderAddress: SocketAddress {
        let any: SocketAddress =
            ip.version == .v6 ? .ipv6(.any, port: 0) : .ipv4(.any, port: 0)
        let own = interface.addresses.first { $0.ip.version == ip.version }
        return own.map { SocketAddress($0.ip, port: 0) } ?? any
    }
}
