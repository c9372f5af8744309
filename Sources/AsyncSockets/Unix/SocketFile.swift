package import SocketSystem
internal import Synchronization

/// The file of a bound Unix socket, and its removal.
///
/// While the socket is open, its file's inode number belongs to no other file, and a process that
/// asks first (as this library does) does not take the file for a stale one. So the file is removed
/// before the socket is closed, if possible.
package final class SocketFile: Sendable {
    private let path: [UInt8]
    private let identity: FileIdentity
    private let isGone: Atomic<Bool>
    /// Decides whether the file is ours, if another process bound it.
    private let handover: Handover?

    package init(
        path: [UInt8],
        identity: FileIdentity,
        removesOnClose: Bool,
        after handover: Handover? = nil
    ) {
        self.path = path
        self.identity = identity
        isGone = Atomic(!removesOnClose)
        self.handover = handover
    }

    /// The identity of the file, if it is ours to remove; a process that takes it over is told
    /// this.
    package var claim: String? {
        let isKept = isGone.load(ordering: .relaxed)
        return isKept || handover?.isComplete == false ? nil : identity.text
    }

    deinit { remove(isBound: false) }

    /// Leaves the file in place for good.
    package func keep() { isGone.store(true, ordering: .relaxed) }

    /// Removes the file, once, if it is still the one that was bound. Any thread may call it.
    ///
    /// - Parameter isBound: Whether the socket is still open. If not, another process may be about
    ///   to replace the file, so the path is locked as for a replacement.
    func remove(isBound: Bool) {
        if isGone.exchange(true, ordering: .acquiringAndReleasing) { return }
        // The process that bound it still uses it.
        if handover?.isComplete == false { return }
        // The holder of the lock is replacing the file.
        let lock = isBound ? nil : try? PathLock(path)
        if !isBound, lock == nil { return }
        if (try? fileIdentity(atPath: path)) == identity { try? removeFile(atPath: path) }
        lock?.end()
    }
}
