/// The addresses that are still to be tried, in the order of RFC 8305, section 4: the versions take
/// turns, IPv6 first; within a version the order is the resolver's.
struct AddressQueue: Sendable {
    private var waiting: [IPAddress.Version: [IPAddress]] = [:]
    /// Everything that ever was in the queue: an address is tried once.
    private var known: Set<IPAddress> = []
    /// What the last address was.
    private var last: IPAddress.Version?

    var isEmpty: Bool { waiting.values.allSatisfy(\.isEmpty) }

    /// Adds addresses behind those of their version.
    mutating func add(_ addresses: [IPAddress]) {
        for address in addresses where known.insert(address).inserted {
            waiting[address.version, default: []].append(address)
        }
    }

    /// Takes the next address out.
    mutating func next() -> IPAddress? {
        let wanted = last?.other ?? .v6
        for version in [wanted, wanted.other] where waiting[version]?.isEmpty == false {
            last = version
            return waiting[version]?.removeFirst()
        }
        return nil
    }
}
