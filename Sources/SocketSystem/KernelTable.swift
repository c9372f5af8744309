internal import Glibc

/// A table of the network that the kernel shows as a file, proc(5).
///
/// - Parameter name: Such as `igmp`, in the network namespace of the calling thread.
/// - Returns: Its lines, with their words; nil if it cannot be read.
func kernelTable(_ name: String) -> [[Substring]]? {
    let file = unsafe open("/proc/thread-self/net/\(name)", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text: [UInt8] = []
    while true {
        var count = 0
        // SAFETY: the kernel writes at most the capacity, and says how much.
        text += unsafe [UInt8](unsafeUninitializedCapacity: 16 * 1024) { buffer, initialized in
            count = unsafe read(file, buffer.baseAddress, buffer.count)
            initialized = max(count, 0)
        }
        if count < 0 { return nil }
        if count == 0 { break }
    }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map { line in
        line.split { $0 == " " || $0 == "\t" }
    }
}
