/// Messages that were received together and not handed out yet.
///
/// At most one call's yield, so bounded: copies in just as much memory as they need, which stays
/// for the next ones while it is little. Larger memory goes from one queue of a thread to another:
/// see `MessageBatch.spare`. Messages that the kernel has joined (UDP_GRO) are taken apart.
@safe
package final class MessageQueue: @unchecked Sendable {
    // SAFETY: (`@unchecked`) touched only by who holds the socket's reading turn; taking and giving
    // back the turn orders what one holder did before what the next one does.

    /// Where they lie; nil until the first call that received several.
    private var kept: MessageBatch?
    /// The oldest.
    private var next = 0
    /// One past the newest.
    private var end = 0
    /// How many bytes of the oldest were handed out.
    private var offset = 0
    /// The size of the datagrams that the oldest was joined of; 0 for a single one.
    private var segmentSize = 0
    /// Whether the last datagram had more than 4 KiB.
    private var lastWasLarge = false
    /// What datagrams are copied into.
    @exclusivity(unchecked)
    private var spare = SpareChunk()
    /// Whether the last call had room for more than there was, so that the kernel has no more.
    package private(set) var tookAll = false

    package init() {}

    /// Whether there is nothing to be taken.
    package var isEmpty: Bool { next == end }

    /// Whether the last datagram was so large that receiving the next by a call of its own costs
    /// less than copying it once more.
    package var expectsLarge: Bool { lastWasLarge }

    /// The messages that `take` speaks of.
    package var messages: MessageBatch {
        if let kept { return kept }
        let made = MessageBatch(copies: 16)
        kept = made
        return made
    }

    /// Keeps some of the messages that a call has received; the queue is empty before.
    ///
    /// The last of them is the last that the call has received.
    package func keep(_ range: Range<Int>, of batch: MessageBatch) {
        tookAll = range.upperBound < batch.capacity
        if range.isEmpty { return }
        if (kept?.capacity ?? 0) < range.count {
            kept = batch.takeSpare(for: range.count) ?? MessageBatch(copies: max(range.count, 16))
        }
        let kept = messages
        kept.keep(range, of: batch)
        next = 0
        end = range.count
        begin(kept)
    }

    /// Takes the oldest datagram; nil where there is none. What else is asked of `messages` stays
    /// there until the next `keep`.
    package func take() -> (bytes: [UInt8], facts: MessageFacts)? {
        guard next < end, let kept else { return nil }
        let part = take(segmentSize, of: kept)
        return (copy(part, of: kept), kept.facts(of: part))
    }

    /// A copy of a part of a message's bytes, which may lie where the last one did.
    @inline(__always)
    package func copy(_ part: MessagePart, of batch: MessageBatch) -> [UInt8] {
        // SAFETY: the batch checks the part, and stays as it is meanwhile.
        unsafe spare.copy(batch.range(of: part))
    }

    /// Takes the oldest datagram into memory of the caller's: all, or as much as there is room for.
    package func take(into buffer: inout MutableSpan<UInt8>) -> MessageFacts? {
        guard next < end, let kept else { return nil }
        let part = take(segmentSize, of: kept)
        _ = kept.copy(part, into: &buffer)
        noteSize(part.count)
        return kept.facts(of: part)
    }

    /// Notes how large a datagram was.
    package func noteSize(_ count: Int) { lastWasLarge = count > 4096 }

    /// Takes the oldest message as the kernel has joined it, without what was taken of it before;
    /// where that is more than `limit` bytes, only its first datagram.
    package func takeJoined(limit: Int) -> MessagePart? {
        guard next < end, let kept else { return nil }
        return take(kept.count(of: next) - offset <= limit ? 0 : segmentSize, of: kept)
    }

    /// Takes at most so many bytes of the oldest message; 0 for all.
    @inline(__always)
    private func take(_ most: Int, of kept: MessageBatch) -> MessagePart {
        let rest = kept.count(of: next) - offset
        let count = most == 0 ? rest : min(most, rest)
        let part = MessagePart(index: next, start: offset, count: count)
        if count < rest {
            offset += count
        } else {
            next += 1
            begin(kept)
        }
        return part
    }

    @inline(__always)
    private func begin(_ kept: MessageBatch) {
        offset = 0
        segmentSize = next < end ? kept.segmentSize(of: next) ?? 0 : 0
    }

    /// Gives away memory where that is much and the socket waits: an idle one holds little.
    @inline(__always)
    package func takeSurplus() -> MessageBatch? {
        guard next == end, let surplus = kept, surplus.size > 4096 else { return nil }
        kept = nil
        return surplus
    }
}
