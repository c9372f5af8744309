package import SocketSystem

/// Deadlines in order, as a pure value: a binary heap whose entries can be taken out by token.
package struct TimerHeap<Payload> {
    /// Names one entry; a token of an entry that is gone names nothing, never a successor.
    package struct Token: Hashable, Sendable {
        fileprivate let slot: Int
        fileprivate let generation: UInt64
    }

    private struct Node {
        let deadline: MonotonicTime
        /// Entries with one deadline come out in the order of their insertion.
        let sequence: UInt64
        let slot: Int
    }

    private struct Slot {
        var generation: UInt64
        /// Where the entry's node is in the heap; -1 if the slot is free.
        var position: Int
        var payload: Payload?
    }

    /// The heap: a node's children are at 2i+1 and 2i+2, none is due before its parent.
    private var nodes: [Node] = []
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var nextSequence: UInt64 = 0

    package init() {}

    package var count: Int { nodes.count }

    /// When the first entry is due; `never` if there is none.
    package var nextDeadline: MonotonicTime { nodes.first?.deadline ?? .never }

    /// Adds an entry.
    package mutating func insert(_ payload: Payload, at deadline: MonotonicTime) -> Token {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = slots.count
            slots.append(Slot(generation: 0, position: -1, payload: nil))
        }
        slots[slot].payload = payload
        slots[slot].position = nodes.count
        nodes.append(Node(deadline: deadline, sequence: nextSequence, slot: slot))
        nextSequence += 1
        siftUp(nodes.count - 1)
        return Token(slot: slot, generation: slots[slot].generation)
    }

    /// Takes an entry out before it is due; nil if it is gone already.
    package mutating func remove(_ token: Token) -> Payload? {
        guard slots.indices.contains(token.slot),
            slots[token.slot].generation == token.generation,
            slots[token.slot].position >= 0
        else { return nil }
        return removeNode(at: slots[token.slot].position)
    }

    /// Takes the first entry out if it is due at `now`.
    package mutating func popDue(at now: MonotonicTime) -> Payload? {
        guard let first = nodes.first, first.deadline <= now else { return nil }
        return removeNode(at: 0)
    }

    private mutating func removeNode(at position: Int) -> Payload? {
        let slot = nodes[position].slot
        let last = nodes.count - 1
        if position != last {
            exchange(position, last)
        }
        nodes.removeLast()
        if position < nodes.count {
            siftDown(position)
            siftUp(position)
        }
        let payload = slots[slot].payload
        slots[slot] = Slot(generation: slots[slot].generation + 1, position: -1, payload: nil)
        freeSlots.append(slot)
        return payload
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        let (left, right) = (nodes[left], nodes[right])
        if left.deadline != right.deadline { return left.deadline < right.deadline }
        return left.sequence < right.sequence
    }

    private mutating func exchange(_ left: Int, _ right: Int) {
        nodes.swapAt(left, right)
        slots[nodes[left].slot].position = left
        slots[nodes[right].slot].position = right
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(child, parent) else { return }
            exchange(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < nodes.count && isBefore(child, least) {
                least = child
            }
            guard least != parent else { return }
            exchange(parent, least)
            parent = least
        }
    }
}
