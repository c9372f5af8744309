internal import SocketSystem

/// A lock on a path of a Unix socket, taken by a process that replaces the socket there.
///
/// It is an abstract Unix name made from the directory's identity and the file's name. The kernel
/// gives it to one process at a time and takes it back when that process ends in any way. It leaves
/// no file, needs only the right to look up the directory, cannot be mistaken for the lock of a
/// program that locks directories, and is never waited for: a process that does not get it knows
/// that another is just replacing the same socket. Processes of another network namespace do not
/// see it.
final class PathLock {
    private var socket: Descriptor?

    /// Takes the lock; nil if another process or another thread has it.
    ///
    /// - Throws: If there is no such directory, or no descriptor left.
    init?(_ path: [UInt8]) throws(Errno) {
        var directory: [UInt8] = [UInt8(ascii: ".")]
        var name = path
        if let slash = path.lastIndex(of: UInt8(ascii: "/")) {
            directory = Array(path[...slash])
            name = Array(path[(slash + 1)...])
        }
        let place = try fileIdentity(atPath: directory).text
        let socket = try openSocket(.unix(SocketKind.datagram))
        let lock = "async-sockets-\(place)-\(Self.digest(of: name))"
        guard let address = try? SocketAddress.unix(abstract: lock) else { throw .nameTooLong }
        do throws(Errno) {
            try bindSocket(socket.rawValue, to: address.storage)
        } catch {
            if error == .addressInUse { return nil }
            throw error
        }
        self.socket = consume socket
    }

    /// Releases the lock.
    func end() { socket = nil }

    /// FNV-1a: a name of any length in sixteen digits. Two names with the same digits would only
    /// take turns.
    private static func digest(of name: [UInt8]) -> String {
        let hash = name.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { hash, byte in
            (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return String(hash, radix: 16)
    }
}
