internal import SocketSystem

/// A lock on a path of a Unix socket, taken by a process that replaces the socket there.
///
/// It is flock(2) of a file beside the path, `.lock` at its end, which only those can make who may
/// make the socket. The kernel gives it to one at a time and takes it back when the process ends in
/// any way. It is never waited for: a process that does not get it knows that another is just
/// replacing the same socket. Its holder removes the file at the end, so each must look whether it
/// has locked the file that is there.
final class PathLock {
    private let path: [UInt8]
    private var file: Descriptor?

    /// Takes the lock; nil if another process or another thread has it.
    ///
    /// - Throws: If there is no such directory, no right to make a file there, or no descriptor
    ///   left.
    init?(_ path: [UInt8]) throws(Errno) {
        self.path = path + ".lock".utf8
        for _ in 0..<8 {
            let file = try openLockFile(atPath: self.path)
            do throws(Errno) {
                try lockFile(file.rawValue)
            } catch {
                if error == .again { return nil }
                throw error
            }
            let locked = try fileIdentity(of: file.rawValue)
            if (try? fileIdentity(atPath: self.path)) == locked {
                self.file = consume file
                return
            }
        }
        return nil
    }

    /// Releases the lock.
    func end() {
        try? removeFile(atPath: path)
        file = nil
    }
}
