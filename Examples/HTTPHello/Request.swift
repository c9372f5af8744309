/// The server's view of an HTTP/1.1 request: its end, and whether the client wants another answer
/// after it.
struct Request {
    /// Whether the connection ends after the answer.
    var closes: Bool
    /// Whether only the head of the answer is wanted.
    var isHead: Bool
}

/// What the bytes at the beginning of a buffer are.
enum Parsed {
    /// A whole request, and how many bytes it takes.
    case request(Request, length: Int)
    /// The beginning of one.
    case incomplete
    /// No request of HTTP/1.x.
    case malformed
}

/// Looks for one request, head and body, at the beginning of a buffer.
func parse(_ bytes: ArraySlice<UInt8>) -> Parsed {
    guard let headEnd = endOfHead(bytes) else {
        return bytes.count > 16 * 1024 ? .malformed : .incomplete
    }
    var lines = bytes[..<headEnd].split(separator: UInt8(ascii: "\n"))[...]
    guard let first = lines.popFirst() else { return .malformed }
    let words = first.split(separator: UInt8(ascii: " "))
    guard words.count == 3, words[2].starts(with: Array("HTTP/1.".utf8)) else { return .malformed }
    let isOld = words[2].dropFirst(7).first == UInt8(ascii: "0")
    var request = Request(closes: isOld, isHead: words[0].elementsEqual("HEAD".utf8))
    var bodyLength = 0
    for line in lines {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            if line.elementsEqual([UInt8(ascii: "\r")]) { continue }
            return .malformed
        }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
        guard ["connection", "content-length", "transfer-encoding"].contains(name) else { continue }
        let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
            .filter { !$0.isWhitespace }.lowercased()
        switch name {
        case "connection":
            if value.contains("close") { request.closes = true }
            if value.contains("keep-alive") { request.closes = false }
        case "content-length":
            guard let length = Int(value), length >= 0, length <= 1 << 20 else { return .malformed }
            bodyLength = length
        default: return .malformed
        }
    }
    let length = headEnd - bytes.startIndex + bodyLength
    return bytes.count >= length ? .request(request, length: length) : .incomplete
}

/// The index behind the empty line; nil if it has not come.
private func endOfHead(_ bytes: ArraySlice<UInt8>) -> Int? {
    var start = bytes.startIndex
    while let lineFeed = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
        let next = lineFeed + 1
        if next < bytes.endIndex, bytes[next] == UInt8(ascii: "\n") { return next + 1 }
        if next + 1 < bytes.endIndex, bytes[next] == UInt8(ascii: "\r"),
            bytes[next + 1] == UInt8(ascii: "\n")
        {
            return next + 2
        }
        start = next
    }
    return nil
}
