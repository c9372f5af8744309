internal import Glibc

/// The first bytes of a small file; none if it cannot be read.
package func contents(_ path: String) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY)
    defer { Glibc.close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    return Array(bytes.prefix(max(count, 0)))
}

/// The name of the thread that calls it.
package func currentThreadName() -> String {
    String(decoding: contents("/proc/thread-self/comm").dropLast(), as: UTF8.self)
}

/// The path of a source file in `Tests/Peers`: of a program that shares no line with the library.
package func peerSource(_ name: String) -> String {
    let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return "/\(tests)/Peers/\(name)"
}
