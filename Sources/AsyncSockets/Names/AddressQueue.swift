/// The addresses that are still to be tried, in the order of RFC 8305, section 4. The versions take
/// turns, IPv6 first; within a version the order is the resolver's.
struct AddressQueue: Sendable {
    private var waiting: [IPAddress.Version: [IPAddress]] = [:]
    /// Every address that ever was in the queue: each is tried once.
    private var known: Set<IPAddress> = []
    /// The version of the last address.
    private var last: IPAddress.Version?

    var isEmpty: Bool { waiting.values.allSatisfy(\.isEmpty) }

    /// Adds addresses behind the others of their version.
    mutating func add(_ addresses: [IPAddress]) {
        for address in addresses where known.insert(address).inserted {
            waiting[address.version, default: []].append(address)
        }
    }

    /// Takes out the next address.
    mutating func next() -> IPAddress? {
        let wanted = last?.other ?? .v6
        for version in [wanted, wanted.other] where waiting[version]?.isEmpty == false {
            last = version
            return waiting[version]?.removeFirst()
        }
        return nil
    }
}
