internal import SocketReactor
internal import SocketSystem

/// What Unix stream and packet listeners have in common: a listening socket and its file.
///
/// It is closed when `close()` is called or when nobody refers to it any more.
public class UnixSocketListener: @unchecked Sendable {
    let core: ListenerCore
    /// The file of the listener's path; nil for an abstract name, and where another made it.
    package let file: SocketFile?

    /// Whether the kernel lets nobody pass descriptors to the connections.
    let refusesDescriptors: Bool

    required init(core: ListenerCore, file: SocketFile?, refusesDescriptors: Bool = false) {
        self.core = core
        self.file = file
        self.refusesDescriptors = refusesDescriptors
    }

    deinit { close() }

    /// Of what type the socket is.
    class var kind: CInt { SocketKind.stream }

    /// Binds a socket to an address and listens there.
    ///
    /// A path where nobody has a socket open any more is taken over; one where somebody has is
    /// `.addressInUse`, and so is a file that is no socket. An unnamed address (`unix:`) lets the
    /// kernel choose an abstract name, which `localAddress` tells.
    ///
    /// The corresponding system calls are `bind(2)` and `listen(2)`.
    ///
    /// - Parameters:
    ///   - address: Where to listen.
    ///   - options: How to listen, and how the file comes and goes.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; connections are accepted by the kernel from now on.
    /// - Throws: `SocketError`: `.addressInUse`, `.noSuchFile` where the directory is missing,
    ///   `.permissionDenied`, `.wrongAddressFamily`, `.tooManyDescriptors`; `.notSupported` for
    ///   options that Unix sockets do not have: `reusePort` and `shards`.
    public static func bind(
        to address: SocketAddress,
        options: ListenOptions = ListenOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> Self {
        try bind(to: address, options: options, on: group, refusingDescriptors: false)
    }

    /// The same for connections whose users cannot take descriptors, if wanted: then none are let
    /// in, where the kernel can do that, and reading need not look out for them.
    static func bind(
        to address: SocketAddress,
        options: ListenOptions,
        on group: EventLoopGroup,
        refusingDescriptors: Bool
    ) throws(SocketError) -> Self {
        try requireMeaning(of: options, at: address)
        let bound = try bindUnix(
            kind,
            to: address,
            options.socketOptions,
            options.socketFile,
            for: .bind
        )
        var refuses = false
        // Other options may let in what stops a read, too.
        if refusingDescriptors, options.socketOptions.isEmpty {
            let option = SocketOption<Bool>.receiveDescriptors
            refuses = (try? option.write(false, to: bound.socket.rawValue)) != nil
        }
        let file = bound.file
        let core = try ListenerCore.listen(
            bound.socket,
            at: address,
            backlog: options.backlog,
            on: group
        )
        return Self(core: core, file: file, refusesDescriptors: refuses)
    }

    /// Binds a socket to an address given as text, such as `unix:/path` or `unix:@name`.
    ///
    /// - Parameters:
    ///   - address: Where to listen.
    ///   - options: How to listen, and how the file comes and goes.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` or `.nameTooLong` where the text is
    ///   none.
    public static func bind(
        to address: String,
        options: ListenOptions = ListenOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> Self {
        try bind(to: SocketAddress(address), options: options, on: group)
    }

    /// Takes over a listening Unix socket of this kind that was made elsewhere, such as by another
    /// process that passed it here. Its file is not removed by `close()`.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and is closed by the listener from
    /// now on. It is left open where this throws. Non-blocking is a property of the open socket,
    /// not of the descriptor: a process that shares it sees it too.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that the listener and its connections join.
    /// - Throws: `SocketError` where the descriptor is no such listening socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        let kind = (Self.kind, SocketKind.unixFamilies)
        self.init(core: try .adopt(descriptor, kind, on: group), file: nil)
    }

    /// Where the listener listens; the name that the kernel chose, where it did.
    public final var localAddress: SocketAddress { core.localAddress }

    /// Whether `close()` or `detach()` was called.
    public final var isClosed: Bool { core.isClosed }

    /// Why accepting failed for good, which ends loops over the listener; nil where it did not.
    /// Being closed or cancelled is no failure.
    public final var failure: SocketError? { core.failure }

    /// Stops listening, and removes the socket's file if it is still the one that `bind` made.
    /// Connections that nobody has accepted are reset; accepted ones stay.
    ///
    /// Who waits for a connection gets `SocketError` with the code `.closed`; loops over the
    /// listener end. Closing twice is no error. The corresponding system calls are `unlink(2)` and
    /// `close(2)`.
    public final func close() {
        core.registration.remove(file)
        core.close()
    }

    /// Takes the descriptor out of the listener, which is then closed without closing it. The
    /// socket's file stays.
    ///
    /// - Returns: The descriptor, non-blocking and close-on-exec. The caller must close it.
    /// - Throws: `SocketError`: `.busy` while somebody accepts, `.closed` after `close()`.
    public final func detach() throws(SocketError) -> CInt {
        let descriptor = try core.detach()
        file?.keep()
        return descriptor
    }

    /// Another descriptor of the listening socket, such as to pass it to another process.
    ///
    /// The listener stays as it is; each connection goes to one of those that accept. The
    /// corresponding system call is `fcntl(2)` with F_DUPFD_CLOEXEC.
    ///
    /// - Returns: The new descriptor.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    public final func duplicateDescriptor() throws(SocketError) -> OwnedDescriptor {
        try core.registration.duplicate(nil)
    }

    private static func requireMeaning(
        of options: ListenOptions,
        at address: SocketAddress
    ) throws(SocketError) {
        let name: String? =
            if options.reusePort { "reusePort" } else if options.shards != .none { "shards" } else {
                nil
            }
        guard let name else { return }
        throw SocketError(
            .bind,
            code: .notSupported,
            local: address,
            reason: "Unix sockets cannot share an address (\(name))"
        )
    }
}

// MARK: - Options

extension UnixSocketListener {
    /// Reads an option of the listening socket.
    ///
    /// The corresponding system call is `getsockopt(2)`.
    ///
    /// - Parameter option: Which.
    /// - Returns: Its value.
    /// - Throws: `SocketError`: `.notSupported`, `.closed`.
    public final func get<Value>(_ option: SocketOption<Value>) throws(SocketError) -> Value {
        try core.get(option)
    }

    /// Sets an option of the listening socket.
    ///
    /// The corresponding system call is `setsockopt(2)`.
    ///
    /// - Parameters:
    ///   - option: Which.
    ///   - value: The value it shall have.
    /// - Throws: `SocketError`: `.notSupported`, `.invalidArgument`, `.permissionDenied`,
    ///   `.closed`.
    public final func set<Value>(
        _ option: SocketOption<Value>,
        to value: Value
    ) throws(SocketError) {
        try core.set(option, to: value)
    }
}
