internal import SocketSystem

/// Which registration a key means. A value inside its loop's lock.
///
/// A key is `generation << 32 | index`. An index is used again, with the next generation: an event
/// that was on its way when its descriptor was closed finds no one.
@safe
struct RegistrationTable {
    @safe
    private struct Entry {
        var generation: UInt32
        /// Unowned: a registration removes itself, under the loop's lock, before its memory goes.
        var registration: Unmanaged<Registration>?
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
        unsafe entries.append(Entry(generation: 0, registration: nil))
        return UInt64(entries.count - 1)
    }

    /// Lets a reserved key mean a registration.
    mutating func set(_ key: UInt64, _ registration: Registration) {
        unsafe entries[Self.index(key)].registration = unsafe Unmanaged.passUnretained(registration)
    }

    /// Frees a key; false if it was freed before.
    @discardableResult
    mutating func remove(_ key: UInt64) -> Bool {
        let index = Self.index(key)
        guard entries[index].generation == UInt32(key >> 32) else { return false }
        entries[index] = unsafe Entry(
            generation: entries[index].generation &+ 1,
            registration: nil
        )
        freeIndices.append(UInt32(index))
        return true
    }

    /// The registration that a key means, for use while the loop's lock is held.
    @inline(__always)
    func withRegistration(_ key: UInt64, _ body: (Registration) -> Void) {
        let index = Self.index(key)
        guard index < entries.count else { return }
        let entry = entries[index]
        guard entry.generation == UInt32(key >> 32),
            let registration = unsafe entry.registration
        else { return }
        // SAFETY: the object cannot go while the lock is held, see `Entry.registration`.
        unsafe registration._withUnsafeGuaranteedRef(body)
    }

    /// Brings nearer what `withRegistration` will touch.
    @inline(__always)
    func prefetchRegistration(_ key: UInt64) {
        let index = Self.index(key)
        guard index < entries.count, let registration = unsafe entries[index].registration
        else { return }
        prefetch(address: UInt(bitPattern: unsafe registration.toOpaque()))
    }

    /// Every registration, for use while the loop's lock is held.
    func forEach(_ body: (Registration) -> Void) {
        for index in entries.indices {
            // SAFETY: as in `withRegistration`.
            unsafe entries[index].registration?._withUnsafeGuaranteedRef(body)
        }
    }

    private static func index(_ key: UInt64) -> Int { Int(key & 0xffff_ffff) }
}
