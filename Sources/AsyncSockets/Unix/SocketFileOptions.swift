/// How the file of a Unix socket's path comes and goes. Abstract names have no file.
public struct SocketFileOptions: Sendable, Hashable {
    /// The file's permissions, such as `0o660`; nil for those that the process's umask leaves.
    ///
    /// The file never has more than these: it is made with them, less the umask, and those that the
    /// umask took away are added before anybody can connect to a listener. Who may connect is who
    /// may write to the file.
    public var permissions: UInt32?

    /// Whether a socket that nobody has open any more is replaced. A file of another kind never is.
    public var replacesStale: Bool

    /// Whether the file is removed when the socket is closed, provided that it is still the same.
    public var removesOnClose: Bool

    /// Everything as usual but what is named.
    ///
    /// - Parameters:
    ///   - permissions: The file's permissions; nil for those that the umask leaves.
    ///   - replacesStale: Whether a socket that nobody has open any more is replaced.
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
