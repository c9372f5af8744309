internal import Synchronization

/// The tasks that stand in line for one direction of a socket, first come first served.
///
/// It is touched only where two tasks want the same direction at once; its mutex also orders the
/// slot's `queued` flag, which is set and cleared under it alone.
struct TurnQueue: ~Copyable {
    struct Entry {
        let ticket: UInt64
        let direction: Direction
        /// To be told `.ready` when it has the turn.
        let waiter: Wakeable
    }

    /// In order of arrival, both directions; short, so scanned. Protected by the mutex around it.
    var entries: [Entry] = []
    /// The next entry's ticket.
    var nextTicket: UInt64 = 0

    /// Removes and returns the first entry of a direction, and whether it was the last one.
    mutating func takeFirst(_ direction: Direction) -> (entry: Entry, isEmpty: Bool)? {
        guard let index = entries.firstIndex(where: { $0.direction == direction }) else {
            return nil
        }
        let entry = entries.remove(at: index)
        return (entry, !entries.contains { $0.direction == direction })
    }

    /// Removes the entry with a ticket; nil if it is no longer in line.
    mutating func remove(ticket: UInt64) -> Entry? {
        guard let index = entries.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return entries.remove(at: index)
    }
}
