/// The server's view of an HTTP/1.1 request: whether the client wants another answer after it.
struct Request {
    /// Whether the connection ends after the answer.
    var closes: Bool
    /// Whether only the head of the answer is wanted.
    var isHead: Bool

    /// Reads a head, with its empty line.
    ///
    /// - Parameter head: The bytes.
    /// - Returns: The request, and how many bytes of body follow; nil for no request of HTTP/1.x.
    static func parse(_ head: ArraySlice<UInt8>) -> (request: Request, bodyLength: Int)? {
        var lines = head.split(separator: UInt8(ascii: "\n"))[...]
        guard let first = lines.popFirst() else { return nil }
        let words = first.split(separator: UInt8(ascii: " "))
        guard words.count == 3, words[2].starts(with: Array("HTTP/1.".utf8)) else { return nil }
        let isOld = words[2].dropFirst(7).first == UInt8(ascii: "0")
        var request = Request(closes: isOld, isHead: words[0].elementsEqual("HEAD".utf8))
        var bodyLength = 0
        for line in lines {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
                if line.elementsEqual([UInt8(ascii: "\r")]) { continue }
                return nil
            }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            guard ["connection", "content-length", "transfer-encoding"].contains(name) else {
                continue
            }
            let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
                .filter { !$0.isWhitespace }.lowercased()
            switch name {
            case "connection":
                if value.contains("close") { request.closes = true }
                if value.contains("keep-alive") { request.closes = false }
            case "content-length":
                guard let length = Int(value), length >= 0, length <= 1 << 20 else { return nil }
                bodyLength = length
            default: return nil
            }
        }
        return (request, bodyLength)
    }
}
