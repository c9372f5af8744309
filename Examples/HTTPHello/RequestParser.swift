/// Finds requests in a client's bytes. It keeps the beginning of a head until the head is whole,
/// and of bodies only their lengths; it looks at each byte once, however few come at a time.
struct RequestParser {
    /// What comes next.
    enum Parsed {
        /// A whole request.
        case request(Request)
        /// The beginning of one, or nothing.
        case incomplete
        /// No request of HTTP/1.x.
        case malformed
    }

    private var bytes: [UInt8] = []
    /// What is before it is done with.
    private var start = 0
    /// No head ends before it.
    private var searched = 0
    /// A request of which the body has not come to its end, and how much of that is to come.
    private var unfinished: (request: Request, left: Int)?

    /// Whether no request has begun.
    var isIdle: Bool { start == bytes.count && unfinished == nil }

    /// Takes bytes in.
    mutating func add(_ chunk: [UInt8]) {
        if start == bytes.count {
            (bytes, start, searched) = (chunk, 0, 0)
        } else {
            bytes.removeFirst(start)
            searched -= start
            start = 0
            bytes += chunk
        }
    }

    /// Looks for the next request, head and body.
    mutating func next() -> Parsed {
        if unfinished == nil {
            guard let end = endOfHead() else {
                return bytes.count - start > 16 * 1024 ? .malformed : .incomplete
            }
            guard let parsed = Request.parse(bytes[start..<end]) else { return .malformed }
            start = end
            unfinished = (parsed.request, parsed.bodyLength)
        }
        guard let (request, left) = unfinished else { return .incomplete }
        let count = min(left, bytes.count - start)
        start += count
        searched = start
        unfinished = count < left ? (request, left - count) : nil
        return count < left ? .incomplete : .request(request)
    }

    /// The index behind the empty line; nil if it has not come.
    private mutating func endOfHead() -> Int? {
        while let lineFeed = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
            let next = lineFeed + 1
            if next < bytes.count, bytes[next] == UInt8(ascii: "\n") { return next + 1 }
            if next + 1 < bytes.count, bytes[next] == UInt8(ascii: "\r"),
                bytes[next + 1] == UInt8(ascii: "\n")
            {
                return next + 2
            }
            searched = lineFeed
            // The empty line may be yet to come.
            if next + 1 >= bytes.count { return nil }
            searched = next
        }
        searched = bytes.count
        return nil
    }
}
