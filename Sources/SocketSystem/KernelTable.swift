/// A table of the network that the kernel shows as a file, proc(5).
///
/// - Parameter name: Such as `igmp`, in the network namespace of the calling thread.
/// - Returns: Its lines, with their words; nil if it cannot be read.
func kernelTable(_ name: String) -> [[Substring]]? {
    guard let file = try? fileContents(atPath: "/proc/thread-self/net/\(name)") else { return nil }
    return String(decoding: file.bytes, as: UTF8.self).split(separator: "\n").map { line in
        line.split { $0 == " " || $0 == "\t" }
    }
}
