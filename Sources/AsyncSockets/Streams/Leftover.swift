/// Bytes that were read from the kernel and not yet handed out, in order.
///
/// They stay here when a buffered read is cancelled or fails, so nothing is lost. Empty, and
/// without memory of its own, whenever a connection is idle between whole messages.
///
/// What came beside some of the bytes over a Unix socket stays with them: whoever asks for it gets
/// it with the first of these bytes that is handed out; it is dropped with the last one.
struct Leftover: Sendable {
    private var bytes: [UInt8] = []
    /// The first byte that was not handed out.
    private var start = 0
    /// What came with some of the bytes, oldest first.
    private var companions: [Companion] = []

    private struct Companion: Sendable {
        /// The bytes that it came with, counted from the beginning of `bytes`.
        var range: Range<Int>
        var passed: PassedAlong
    }

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }

    /// The bytes, oldest first.
    var unread: ArraySlice<UInt8> { bytes[start...] }

    /// Adds bytes at the end.
    mutating func append(_ chunk: [UInt8]) {
        if isEmpty {
            self = Leftover()
            bytes = chunk
            return
        }
        // Long-read bytes at the front would make the array grow for ever.
        if start > 0, start >= count {
            bytes.removeFirst(start)
            for index in companions.indices {
                let range = companions[index].range
                let first = max(0, range.lowerBound - start)
                companions[index].range = first..<(range.upperBound - start)
            }
            start = 0
        }
        bytes.append(contentsOf: chunk)
    }

    /// Takes the first bytes out, at most `count`.
    mutating func take(_ count: Int) -> [UInt8] {
        if start == 0, count >= bytes.count { return takeAll() }
        let end = start + min(count, self.count)
        let taken = [UInt8](bytes[start..<end])
        start = end
        if isEmpty { self = Leftover() }
        if !companions.isEmpty { companions.removeAll { $0.range.upperBound <= start } }
        return taken
    }

    /// Takes everything out.
    mutating func takeAll() -> [UInt8] {
        defer { self = Leftover() }
        return start == 0 ? bytes : [UInt8](unread)
    }

    /// Where the bytes up to and including a delimiter end, counted from the first unread byte.
    /// An earlier search has been through the first `searched` bytes.
    func end(of delimiter: [UInt8], searched: Int) -> Int? {
        guard let last = delimiter.last else { return 0 }
        // The delimiter may have begun in the part that was searched.
        var index = start + max(0, searched - (delimiter.count - 1)) + delimiter.count - 1
        while index < bytes.count {
            guard let found = bytes[index...].firstIndex(of: last) else { return nil }
            let first = found - (delimiter.count - 1)
            if bytes[first...found].elementsEqual(delimiter) { return found + 1 - start }
            index = found + 1
        }
        return nil
    }
}

// MARK: - What came beside the bytes

extension Leftover {
    /// Adds bytes at the end, and what came with them.
    ///
    /// No more descriptors are held than one message can carry: a peer must not fill this
    /// process's table. Those of a message that brings more are closed, and noted as lost.
    mutating func append(_ chunk: [UInt8], with passed: PassedAlong) {
        var passed = passed
        if !passed.descriptors.isEmpty {
            let held = companions.reduce(0) { $0 + $1.passed.descriptors.count }
            if held + passed.descriptors.count > UnixMessage.maximumDescriptors {
                passed.descriptors = []
                passed.loss = .tooMany
            }
        }
        append(chunk)
        let range = (bytes.count - chunk.count)..<bytes.count
        // A long message in many pieces of one sender needs to be told apart nowhere.
        if let last = companions.last, last.range.upperBound == range.lowerBound,
            last.passed.saysTheSame(as: passed)
        {
            let first = last.range.lowerBound
            companions[companions.count - 1].range = first..<range.upperBound
        } else {
            companions.append(Companion(range: range, passed: passed))
        }
    }

    /// Why descriptors are missing that came with the first `count` bytes; it is told once.
    mutating func takeLoss(within count: Int) -> PassedAlong.Loss? {
        for index in companions.indices where companions[index].range.lowerBound - start < count {
            if let loss = companions[index].passed.loss.take() { return loss }
        }
        return nil
    }

    /// Takes the first bytes out, at most `count`, with all that came with any of them.
    mutating func takeMessage(_ count: Int) -> ([UInt8], PassedAlong) {
        let range = start..<(start + min(count, self.count))
        var all = PassedAlong()
        var isKnown = 0
        for index in companions.indices where companions[index].range.overlaps(range) {
            let companion = companions[index]
            isKnown += companion.range.clamped(to: range).count
            all.add(companion.passed, isFirst: index == companions.startIndex)
            companions[index].passed.descriptors = []
        }
        // Bytes of which the kernel did not say who sent them may be of somebody else.
        if isKnown < range.count { all.forgetSender() }
        return (take(range.count), all)
    }

    /// Closes the descriptors that nobody has taken; the bytes stay.
    mutating func dropCompanions() { companions = [] }
}
