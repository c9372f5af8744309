/// How the file of a Unix socket's path is made and removed. Abstract names have no file.
public struct SocketFileOptions: Sendable, Hashable {
    /// The file's permissions, such as `0o660`; nil for those that the process's umask leaves.
    ///
    /// The file never has more than these. It is made with them, less the umask; those that the
    /// umask took away are added before a client can connect to a listener. A client may connect if
    /// it may write to the file.
    public var permissions: UInt32?

    /// Whether a socket file is replaced if no process has its socket open any more. A file of
    /// another kind is never replaced.
    public var replacesStale: Bool

    /// Whether the file is removed when the socket is closed, if it is still the same file.
    public var removesOnClose: Bool

    /// Creates options; parameters that are left out keep their defaults.
    ///
    /// - Parameters:
    ///   - permissions: The file's permissions; nil for those that the umask leaves.
    ///   - replacesStale: Whether a socket file is replaced if no process has its socket open any
    ///     more.
    ///   - removesOnClose: Whether the file is removed when the socket is closed.
    public init(
        permissions: UInt32? = nil,
        replacesStale: Bool = true,
        removesOnClose: Bool = true
    ) {
        self.permissions = permissions
        self.replacesStale = replacesStale
        self.removesOnClose = removesOnClose
    }
}
