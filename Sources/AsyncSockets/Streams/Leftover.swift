/// Bytes that were read from the kernel and not yet handed out, in order.
///
/// They stay here when a buffered read is cancelled or fails, so nothing is lost. Empty, and
/// without memory of its own, whenever a connection is idle between whole messages.
struct Leftover: Sendable {
    private var bytes: [UInt8] = []
    /// The first byte that was not handed out.
    private var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }

    /// The bytes, oldest first.
    var unread: ArraySlice<UInt8> { bytes[start...] }

    /// Adds bytes at the end.
    mutating func append(_ chunk: [UInt8]) {
        if isEmpty {
            bytes = chunk
            start = 0
            return
        }
        // Long-read bytes at the front would make the array grow for ever.
        if start > 0, start >= count {
            bytes.removeFirst(start)
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
