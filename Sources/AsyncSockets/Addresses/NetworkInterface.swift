internal import SocketSystem

/// A network interface of this machine, as it was at the time of the query.
///
/// The list is that of the process's network namespace. The corresponding call is
/// `getifaddrs(3)`.
public struct NetworkInterface: Hashable, Sendable {
    /// The name, such as `eth0`.
    public let name: String

    /// The kernel's number of the interface, from 1 on.
    public let index: UInt32

    /// The size of the largest packet that the interface takes, in bytes.
    public let mtu: Int

    /// The interface's state and abilities.
    public let flags: Flags

    /// Its IP addresses.
    public let addresses: [Address]

    /// One IP address of an interface, with its network.
    public struct Address: Hashable, Sendable, CustomStringConvertible {
        /// The address. A link-local address has the interface as its zone.
        public let ip: IPAddress

        /// The number of leading bits that name the network.
        public let prefixLength: Int

        /// The address that reaches every machine of the network. IPv4 only; nil if none is
        /// configured.
        public let broadcast: IPv4Address?

        /// The other end of a point-to-point link; nil for another interface.
        public let peer: IPAddress?

        /// `192.0.2.1/24`
        public var description: String { "\(ip)/\(prefixLength)" }
    }

    /// The state and abilities of an interface, netdevice(7).
    public struct Flags: OptionSet, Hashable, Sendable, CustomStringConvertible {
        /// The kernel's bits, `IFF_UP` and its like.
        public let rawValue: UInt32

        /// Makes flags from the kernel's bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// It is switched on.
        public static let up = Flags(rawValue: 0x1)
        /// It has broadcast addresses.
        public static let broadcast = Flags(rawValue: 0x2)
        /// It leads back to this machine.
        public static let loopback = Flags(rawValue: 0x8)
        /// It links two machines.
        public static let pointToPoint = Flags(rawValue: 0x10)
        /// It works: the cable is in, or it needs none.
        public static let running = Flags(rawValue: 0x40)
        /// It says that it carries multicast. Linux's loopback carries it too, without saying so.
        public static let multicast = Flags(rawValue: 0x1000)

        /// The names of the flags that have one here, separated by commas.
        public var description: String {
            let names: [(Flags, String)] = [
                (.up, "up"), (.broadcast, "broadcast"), (.loopback, "loopback"),
                (.pointToPoint, "pointToPoint"), (.running, "running"), (.multicast, "multicast"),
            ]
            return names.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
        }
    }
}

// MARK: - Finding interfaces

extension NetworkInterface {
    /// All interfaces, by index.
    ///
    /// - Throws: ``SocketError`` if the kernel cannot give the list, for lack of memory or
    ///   descriptors.
    public static func all() throws(SocketError) -> [NetworkInterface] {
        let entries: [InterfaceList.Entry]
        do {
            entries = try InterfaceList.entries()
        } catch {
            throw SocketError(.listInterfaces, error)
        }
        var interfaces: [NetworkInterface] = []
        for (name, entries) in Dictionary(grouping: entries, by: \.name) {
            // Both can fail if an interface vanished after the list was made: it is left out.
            let (index, mtu): (UInt32, CInt)
            do {
                guard let found = try InterfaceList.index(ofName: name) else { continue }
                index = found
                mtu = try InterfaceList.mtu(ofName: name)
            } catch .noSuchDevice {
                continue
            } catch {
                throw SocketError(.listInterfaces, error, reason: name)
            }
            interfaces.append(
                NetworkInterface(name: name, index: index, mtu: Int(mtu), entries: entries)
            )
        }
        return interfaces.sorted { $0.index < $1.index }
    }

    /// Finds the interface with this name.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/noSuchInterface`` if there is
    ///   none.
    public static func named(_ name: String) throws(SocketError) -> NetworkInterface {
        try first(where: { $0.name == name }, or: "no interface is named \"\(name)\"")
    }

    /// Finds the interface with this index.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/noSuchInterface`` if there is
    ///   none.
    public static func withIndex(_ index: UInt32) throws(SocketError) -> NetworkInterface {
        try first(where: { $0.index == index }, or: "no interface has the index \(index)")
    }

    /// Finds the interface that has this address. The zone is compared only if `ip` has one.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/noSuchInterface`` if there is
    ///   none.
    public static func withAddress(_ ip: IPAddress) throws(SocketError) -> NetworkInterface {
        try first(
            where: { $0.addresses.contains { $0.ip == ip || $0.ip.withoutZone == ip } },
            or: "no interface has the address \(ip)"
        )
    }

    /// The loopback interface, `lo`.
    ///
    /// - Throws: ``SocketError`` with the code ``SocketError/Code/noSuchInterface`` if there is
    ///   none.
    public static var loopback: NetworkInterface {
        get throws(SocketError) {
            try first(where: { $0.flags.contains(.loopback) }, or: "there is no loopback interface")
        }
    }

    private static func first(
        where isWanted: (NetworkInterface) -> Bool,
        or reason: String
    ) throws(SocketError) -> NetworkInterface {
        if let interface = try all().first(where: isWanted) { return interface }
        throw SocketError(.listInterfaces, code: .noSuchInterface, reason: reason)
    }

    private init(name: String, index: UInt32, mtu: Int, entries: [InterfaceList.Entry]) {
        self.name = name
        self.index = index
        self.mtu = mtu
        let flags = Flags(rawValue: entries.first?.flags ?? 0)
        self.flags = flags
        addresses = entries.compactMap { Address($0, flags: flags) }
    }
}

extension NetworkInterface.Address {
    fileprivate init?(_ entry: InterfaceList.Entry, flags: NetworkInterface.Flags) {
        guard let ip = entry.address.flatMap({ SocketAddress($0)?.ip }) else { return nil }
        self.ip = ip
        let mask = entry.netmask.flatMap { SocketAddress($0)?.ip }
        prefixLength =
            switch mask {
            case .v4(let mask): mask.rawValue.nonzeroBitCount
            case .v6(let mask): mask.high.nonzeroBitCount + mask.low.nonzeroBitCount
            case nil: ip.bitCount
            }
        let destination = entry.destination.flatMap { SocketAddress($0)?.ip }
        switch destination {
        // If no broadcast address is configured, the list has the address itself there.
        case .v4(let address) where flags.contains(.broadcast) && destination != ip:
            broadcast = address
        default: broadcast = nil
        }
        peer = flags.contains(.pointToPoint) && destination != ip ? destination : nil
    }
}

extension IPAddress {
    fileprivate var bitCount: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    fileprivate var withoutZone: IPAddress {
        switch self {
        case .v4: self
        case .v6(let address): .v6(address.inZone(0))
        }
    }
}

extension NetworkInterface: CustomStringConvertible {
    /// `lo (index 1, MTU 65536, up, loopback, running): 127.0.0.1/8, ::1/128`
    public var description: String {
        let facts = "index \(index), MTU \(mtu)" + (flags.isEmpty ? "" : ", \(flags)")
        let list = addresses.map(\.description).joined(separator: ", ")
        return "\(name) (\(facts))" + (list.isEmpty ? "" : ": \(list)")
    }
}
