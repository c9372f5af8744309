internal import SocketSystem

/// Datagrams that were received together and are not handed out yet.
///
/// There are at most as many as one call receives, so the queue is bounded. They are copied into
/// just as much memory as they need. Little memory stays for the next ones; larger memory goes from
/// one queue of a loop to another, see `MessageBatch.spare`. Messages that the kernel has joined
/// (UDP_GRO) are taken apart.
///
/// `@unchecked`: only the task that holds the socket's lock of reading touches the queue. Taking
/// the lock and giving it back orders what one task did before what the next one does.
final class MessageQueue: @unchecked Sendable {
    /// The copies; nil until the first call that received several.
    private var kept: MessageBatch?
    /// The index of the oldest message.
    private var next = 0
    /// One past the index of the newest message.
    private var end = 0
    /// How many bytes of the oldest message were handed out.
    private var offset = 0
    /// How many bytes the oldest message has.
    private var count = 0
    /// The size of the datagrams that the kernel has joined into the oldest message; 0 if it is a
    /// single one.
    private var segmentSize = 0
    /// Whether the last datagram had more than 4 KiB.
    private var lastWasLarge = false
    /// The bytes of the last datagram if they are few: the next one of the same size lies in the
    /// same memory if its receiver has let go of them.
    private var last: [UInt8] = []
    /// Whether the last call had room for more than there was, so that the kernel has no more.
    private(set) var tookAll = false

    /// Whether there is nothing to take.
    var isEmpty: Bool { next == end }

    /// Whether the last datagram was so large that a call for the next one alone costs less than to
    /// copy it once more.
    var expectsLarge: Bool { lastWasLarge }

    /// The messages that the facts of `take` refer to.
    var messages: MessageBatch {
        if let kept { return kept }
        let made = MessageBatch(copies: 16)
        kept = made
        return made
    }

    /// Keeps some of the messages that a call has received; the queue is empty before.
    ///
    /// The last of them is the last that the call has received.
    func keep(_ range: Range<Int>, of batch: MessageBatch, tookAll: Bool) {
        self.tookAll = tookAll
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

    /// Takes the oldest datagram; nil if there is none. What else can be asked of `messages` stays
    /// there until the next `keep`.
    func take() -> (bytes: [UInt8], facts: MessageFacts)? {
        guard next < end, let kept else { return nil }
        return copy(part(atMost: segmentSize, of: kept), of: kept)
    }

    /// A copy of a part of a message, and its facts.
    @inline(__always)
    func copy(_ part: MessagePart, of batch: MessageBatch) -> (bytes: [UInt8], facts: MessageFacts)
    {
        var spare: [UInt8] = []
        swap(&spare, &last)
        let datagram = batch.copy(part, reusing: spare)
        // If the receiver changes a larger one, it must not have to copy it all first.
        if part.count <= 2048 { last = datagram.bytes }
        return datagram
    }

    /// Takes the oldest datagram into memory of the caller's: all, or as much as there is room for.
    func take(into buffer: inout MutableSpan<UInt8>) -> MessageFacts? {
        guard next < end, let kept else { return nil }
        let part = part(atMost: segmentSize, of: kept)
        noteSize(part.count)
        return kept.copy(part, into: &buffer)
    }

    /// Notes how large a datagram was.
    func noteSize(_ count: Int) { lastWasLarge = count > 4096 }

    /// Takes the oldest message as the kernel has joined it, without what was taken of it before;
    /// if that is more than `limit` bytes, only its first datagram.
    func takeJoined(limit: Int) -> MessagePart? {
        guard next < end, let kept else { return nil }
        return part(atMost: count - offset <= limit ? 0 : segmentSize, of: kept)
    }

    /// Moves on by at most so many bytes of the oldest message; 0 for all.
    @inline(__always)
    private func part(atMost most: Int, of kept: MessageBatch) -> MessagePart {
        let rest = count - offset
        let length = most == 0 ? rest : min(most, rest)
        let part = MessagePart(index: next, start: offset, count: length)
        if length < rest {
            offset += length
        } else {
            next += 1
            begin(kept)
        }
        return part
    }

    @inline(__always)
    private func begin(_ kept: MessageBatch) {
        offset = 0
        (count, segmentSize) = next < end ? kept.extent(of: next) : (0, 0)
    }

    /// Gives away the memory if it is much and nothing lies in it: an idle socket holds little.
    @inline(__always)
    func takeSurplus() -> MessageBatch? {
        guard next == end, let surplus = kept, surplus.size > 4096 else { return nil }
        kept = nil
        return surplus
    }
}
