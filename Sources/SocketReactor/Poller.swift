package import SocketSystem

/// Waits in the kernel for descriptors to become ready: the seam between an event loop and epoll,
/// poll or select.
///
/// What a poller must do:
///
/// - `add`, `update` and `remove` are called by any thread, always under the loop's lock, also
///   while the loop's thread is inside `poll`. They take effect at once, or, where
///   `needsWakeAfterChange` says so, at the next `poll`, and then the loop wakes itself.
/// - A descriptor is known by the key that `add` was given. Events carry the key and nothing else:
///   a number may be closed and reused between an event and its handling, a key never is.
/// - An **edge-triggered** poller reports each transition to ready once and needs no re-arming.
///   Reading is watched from `add` on; writing from the first `update` that asks for it, and from
///   then on for good. An `update` reports readiness that is there already, so arming late loses
///   nothing.
/// - A **level-triggered** poller watches what the last `add` or `update` asked for and no more,
///   and reports it with every `poll` for as long as it is so. What is reported while nobody waits
///   for it the loop takes back at once, and asks for again when somebody waits: so nothing spins
///   while a task is busy elsewhere, and a loop of reads changes nothing at all. A descriptor that
///   is watched for nothing is reported once more at most, hang-up included.
/// - Hang-up and error count as ready in what is watched at least, and as `eager` (see
///   `Readiness`) where the system call tells them from mere readiness. So does a number that is
///   no descriptor any more: whoever waits must learn of it.
/// - `poll` appends events; it returns without any after its time-out, after a signal, or for no
///   reason at all. What it throws is for the loop to say: a loop that cannot wait ends.
/// - A descriptor that cannot be watched is an error of `add`, not of `poll`: EPERM for
///   files, EMFILE where the poller has no room for its number.
/// - Who watches for reading also watches for urgent data.
package protocol Poller: AnyObject, Sendable {
    /// Whether events come once a transition; else they come again for as long as it is so.
    var isEdgeTriggered: Bool { get }

    /// Whether the loop must leave and re-enter `poll` for a change to take effect.
    var needsWakeAfterChange: Bool { get }

    /// Begins to watch a descriptor.
    func add(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno)

    /// Changes what a descriptor is watched for.
    func update(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno)

    /// Watches a descriptor no more.
    func remove(_ descriptor: CInt)

    /// Waits until something is ready, 0 milliseconds not at all, -1 without limit. Called by the
    /// loop's thread only.
    func poll(milliseconds: CInt, into events: inout [ReadyEvent]) throws(Errno)
}

/// The directions that a descriptor is watched for.
package struct Interest: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    @inlinable
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static var read: Interest { Interest(rawValue: 1) }
    package static var write: Interest { Interest(rawValue: 2) }
    /// Errors and hang-up, which every poller reports unasked, and nothing else: for who waits for
    /// a socket's error queue. Never with the others.
    package static var error: Interest { Interest(rawValue: 4) }
    /// With `read`: other loops watch the socket too, and one that waits is to be woken, not all.
    /// For edge-triggered pollers.
    package static var exclusive: Interest { Interest(rawValue: 8) }
}

/// What an event says of a descriptor.
package struct Readiness: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    @inlinable
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static var read: Readiness { Readiness(rawValue: 1) }
    package static var write: Readiness { Readiness(rawValue: 2) }
    /// From now on a short read does not mean that all was read: the peer has closed, an error is
    /// pending, or urgent data split the stream.
    package static var eagerRead: Readiness { Readiness(rawValue: 4) }
    /// The same for writing.
    package static var eagerWrite: Readiness { Readiness(rawValue: 8) }
}

/// One descriptor's readiness.
package struct ReadyEvent: Hashable, Sendable {
    package let key: UInt64
    package let readiness: Readiness

    package init(key: UInt64, readiness: Readiness) {
        self.key = key
        self.readiness = readiness
    }
}
