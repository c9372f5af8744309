internal import CSocketSystem
internal import Glibc

/// What changes when a file is written or replaced.
package struct FileStamp: Hashable, Sendable {
    fileprivate let device: UInt64
    fileprivate let inode: UInt64
    fileprivate let size: Int64
    /// When its content changed, in seconds and nanoseconds.
    fileprivate let modified: SIMD2<Int64>
    /// When anything about it changed: a copy may keep the other moment.
    fileprivate let changed: SIMD2<Int64>
}

/// A small file's bytes, open(2) and read(2), at most 64 MiB of them; nil if its stamp is `known`.
///
/// A symbolic link is followed. Blocks as long as the disk takes, but never for a pipe's writer.
package func fileContents(
    atPath path: String,
    unless known: FileStamp? = nil
) throws(Errno) -> (bytes: [UInt8], stamp: FileStamp)? {
    // SAFETY: Swift lends the string zero-terminated.
    let file = Descriptor(owning: try check(unsafe csock_open_file(path)))
    var status = stat()
    // SAFETY: the structure is a local.
    guard unsafe fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
    let stamp = FileStamp(
        device: UInt64(status.st_dev),
        inode: UInt64(status.st_ino),
        size: Int64(status.st_size),
        modified: [Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec)],
        changed: [Int64(status.st_ctim.tv_sec), Int64(status.st_ctim.tv_nsec)]
    )
    if stamp == known { return nil }
    var bytes: [UInt8] = []
    // A file of /proc says that its size is 0.
    var part = [UInt8](repeating: 0, count: min(max(Int(status.st_size), 0), 1 << 20) + 4096)
    while bytes.count < 1 << 26 {
        // SAFETY: the call writes at most as many bytes as the buffer has.
        let count = unsafe part.withUnsafeMutableBytes { buffer in
            unsafe read(file.rawValue, buffer.baseAddress, buffer.count)
        }
        if count < 0, errno == EINTR { continue }
        if count < 0 { throw Errno(rawValue: errno) }
        if count == 0 { break }
        bytes += part[..<count]
    }
    return (bytes, stamp)
}
