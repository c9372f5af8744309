/// Which registration a key means. A value inside its loop's lock.
///
/// A key is `generation << 32 | index`. An index is used again, with the next generation: an event
/// that was on its way when its descriptor was closed finds no one. The table keeps a registration
/// until it is closed.
struct RegistrationTable {
    private struct Entry {
        var generation: UInt32 = 0
        var registration: Registration?
    }

    private var entries: [Entry] = []
    private var freeIndices: [UInt32] = []

    /// Never the key of a registration: the index would need four billion descriptors.
    static let wakeupKey = UInt64.max

    /// Takes a free key.
    mutating func reserveKey() -> UInt64 {
        if let index = freeIndices.popLast() {
            return UInt64(entries[Int(index)].generation) << 32 | UInt64(index)
        }
        entries.append(Entry())
        return UInt64(entries.count - 1)
    }

    /// The registration that a key means.
    @inline(__always)
    subscript(key: UInt64) -> Registration? {
        get {
            let index = Self.index(key)
            guard index < entries.count, entries[index].generation == UInt32(key >> 32) else {
                return nil
            }
            return entries[index].registration
        }
        set { entries[Self.index(key)].registration = newValue }
    }

    /// Frees a key; false if it was freed before.
    mutating func remove(_ key: UInt64) -> Bool {
        let index = Self.index(key)
        guard entries[index].generation == UInt32(key >> 32) else { return false }
        entries[index].generation &+= 1
        entries[index].registration = nil
        freeIndices.append(UInt32(index))
        return true
    }

    /// Every registration.
    var all: [Registration] { entries.compactMap(\.registration) }

    private static func index(_ key: UInt64) -> Int { Int(key & 0xffff_ffff) }
}
