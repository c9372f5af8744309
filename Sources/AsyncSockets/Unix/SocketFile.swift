package import SocketSystem
internal import Synchronization

/// The file of a bound Unix socket, and its removal.
///
/// While the socket is open, its file's inode number belongs to no other file, and nobody who asks
/// first (as this library does) takes the file for a stale one. So it is removed before the socket
/// is closed, where that is possible.
package final class SocketFile: Sendable {
    private let path: [UInt8]
    private let identity: FileIdentity
    private let isGone: Atomic<Bool>
    /// What makes the file ours, where another process has bound it.
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

    /// Says which file it is, if it is ours to remove: what a process is told that takes it over.
    package var claim: String? {
        let isKept = isGone.load(ordering: .relaxed)
        return isKept || handover?.isComplete == false ? nil : identity.text
    }

    deinit { remove(isBound: false) }

    /// Leaves the file where it is for good.
    package func keep() { isGone.store(true, ordering: .relaxed) }

    /// Removes the file if it is still the one that was bound. Once; any thread may call it.
    ///
    /// - Parameter isBound: Whether the socket is still open. If not, another process may be about
    ///   to replace the file, so the path is locked as for that.
    func remove(isBound: Bool) {
        if isGone.exchange(true, ordering: .acquiringAndReleasing) { return }
        // Whoever bound it goes on with it.
        if handover?.isComplete == false { return }
        // Who holds the lock is replacing the file.
        let lock = isBound ? nil : try? PathLock(path)
        if !isBound, lock == nil { return }
        if (try? fileIdentity(atPath: path)) == identity { try? removeFile(atPath: path) }
        lock?.end()
    }
}
