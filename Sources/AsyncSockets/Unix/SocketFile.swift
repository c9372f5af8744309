internal import SocketSystem
internal import Synchronization

/// The file of a bound Unix socket, and its removal.
///
/// While the socket is open, its file's inode number belongs to no other file, and nobody who asks
/// first (as this library does) takes the file for a stale one. So it is removed before the socket
/// is closed, where that is possible.
final class SocketFile: Sendable {
    private let path: [UInt8]
    private let identity: FileIdentity
    private let isGone: Atomic<Bool>

    init(path: [UInt8], identity: FileIdentity, removesOnClose: Bool) {
        self.path = path
        self.identity = identity
        isGone = Atomic(!removesOnClose)
    }

    deinit { remove(isBound: false) }

    /// Leaves the file where it is for good.
    func keep() { isGone.store(true, ordering: .relaxed) }

    /// Removes the file if it is still the one that was bound. Once; any thread may call it.
    ///
    /// - Parameter isBound: Whether the socket is still open. If not, another process may be about
    ///   to replace the file, so the directory is locked as for that.
    func remove(isBound: Bool) {
        if isGone.exchange(true, ordering: .acquiringAndReleasing) { return }
        let lock = isBound ? nil : DirectoryLock(around: path)
        if (try? fileIdentity(atPath: path)) == identity { try? removeFile(atPath: path) }
        lock?.end()
    }
}

/// A lock on the directory that a path is in, which processes that replace sockets there take.
final class DirectoryLock {
    private var descriptor: Descriptor?
    /// Whether another process held it for longer than we wait.
    let isContended: Bool

    /// Takes the lock, where the directory can be opened: one that may only be searched cannot.
    init(around path: [UInt8]) {
        var directory = path
        if let slash = path.lastIndex(of: UInt8(ascii: "/")) {
            directory.removeSubrange((slash == 0 ? 1 : slash)...)
        } else {
            directory = [UInt8(ascii: ".")]
        }
        do throws(Errno) {
            descriptor = try lockDirectory(atPath: directory)
            isContended = false
        } catch {
            isContended = error == .again
        }
    }

    func end() { descriptor = nil }
}
