internal import CSocketSystem
internal import Glibc

/// A file in the file system, told apart from a later one of the same name and number.
package struct FileIdentity: Hashable, Sendable {
    fileprivate let device: UInt64
    fileprivate let inode: UInt64
    /// When it was made, in the file system's resolution: a freed inode number is soon used again.
    fileprivate let birth: SIMD2<Int64>
    /// Type and permissions, which may change: not compared.
    package let mode: UInt32

    /// Whether it is a socket.
    package var isSocket: Bool { mode & S_IFMT == S_IFSOCK }
    /// Device and inode, as text.
    package var text: String { String(device, radix: 16) + "." + String(inode, radix: 16) }
    /// The permission bits.
    package var permissions: UInt32 { mode & 0o7777 }

    package static func == (left: FileIdentity, right: FileIdentity) -> Bool {
        left.device == right.device && left.inode == right.inode && left.birth == right.birth
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(device)
        hasher.combine(inode)
    }
}

/// What is at a path, statx(2); a symbolic link is not followed.
package func fileIdentity(atPath path: [UInt8]) throws(Errno) -> FileIdentity {
    var raw = csock_file_identity()
    // SAFETY: the path ends with a zero byte, and the structure is a local.
    try unsafe withPath(path) { (path) throws(Errno) in
        try check(unsafe csock_file_identity(path, &raw))
    }
    return FileIdentity(raw)
}

/// What is behind a descriptor, statx(2).
package func fileIdentity(of descriptor: CInt) throws(Errno) -> FileIdentity {
    var raw = csock_file_identity()
    // SAFETY: the structure is a local.
    try unsafe check(csock_open_file_identity(descriptor, &raw))
    return FileIdentity(raw)
}

extension FileIdentity {
    fileprivate init(_ raw: csock_file_identity) {
        device = raw.device
        inode = raw.inode
        birth = [raw.birth_seconds, Int64(raw.birth_nanoseconds)]
        mode = raw.mode
    }
}

/// Opens a file to be locked, and makes it if there is none, for its owner alone; open(2).
package func openLockFile(atPath path: [UInt8]) throws(Errno) -> Descriptor {
    // SAFETY: as in `fileIdentity`.
    let number = try unsafe withPath(path) { (path) throws(Errno) in
        try check(unsafe csock_open_lock(path))
    }
    return Descriptor(owning: number)
}

/// Locks an open file against all other processes and descriptors, flock(2); `again` if it is
/// locked.
package func lockFile(_ descriptor: CInt) throws(Errno) { try check(csock_lock(descriptor)) }

/// Lets the file that bind(2) will make for a socket have these permissions, less those that the
/// process's umask takes away; fchmod(2).
package func setSocketPermissions(_ permissions: UInt32, of socket: CInt) throws(Errno) {
    try check(csock_set_socket_mode(socket, permissions))
}

/// Changes the permissions of a file, chmod(2), unless another has taken its place.
package func setPermissions(
    _ permissions: UInt32,
    of file: FileIdentity,
    atPath path: [UInt8]
) throws(Errno) {
    var raw = csock_file_identity()
    raw.device = file.device
    raw.inode = file.inode
    // SAFETY: as in `fileIdentity`.
    try unsafe withPath(path) { (path) throws(Errno) in
        try check(unsafe csock_set_file_mode(path, &raw, permissions))
    }
}

/// Removes a name from its directory, unlink(2).
package func removeFile(atPath path: [UInt8]) throws(Errno) {
    // SAFETY: as in `fileIdentity`.
    try unsafe withPath(path) { (path) throws(Errno) in try check(unsafe csock_unlink(path)) }
}

/// Lends a path as C wants it.
@discardableResult
private func withPath(
    _ path: [UInt8],
    _ body: (UnsafePointer<CChar>) throws(Errno) -> CInt
) throws(Errno) -> CInt {
    // The kernel would cut it there, and take one file for another.
    guard !path.contains(0) else { throw .invalidArgument }
    // SAFETY: the array ends with a zero byte and lives as long as `body` runs.
    return try unsafe (path.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer {
        (buffer) throws(Errno) in try unsafe body(buffer.baseAddress!)
    }
}
