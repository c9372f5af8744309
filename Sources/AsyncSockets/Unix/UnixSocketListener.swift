internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// The common part of Unix stream and packet listeners: a listening socket and its file.
///
/// It is closed when `close()` is called or when the last reference to it is gone.
public class UnixSocketListener: @unchecked Sendable {
    let core: ListenerCore
    /// The file of the listener's path; nil for an abstract name, and if another process made the
    /// file.
    package let file: SocketFile?

    /// What is known of the connections that are accepted: if descriptors are not always refused,
    /// each connection must be asked.
    private let descriptors: Atomic<DescriptorPolicy>

    required init(core: ListenerCore, file: SocketFile?, descriptors: DescriptorPolicy) {
        self.core = core
        self.file = file
        self.descriptors = Atomic(descriptors)
        if descriptors != .refused { core.registration.noteForeign() }
    }

    deinit { close() }

    /// The type of the socket.
    class var kind: CInt { SocketKind.stream }

    /// Binds a socket to an address and listens there.
    ///
    /// A path is taken over if no process has its socket open any more. If a process has it open,
    /// or if the file is not a socket, the error is `.addressInUse`. An unnamed address (`unix:`)
    /// lets the kernel choose an abstract name; `localAddress` has it.
    ///
    /// The corresponding system calls are `bind(2)` and `listen(2)`.
    ///
    /// - Parameters:
    ///   - address: The address to listen at.
    ///   - options: The options of the listener, and how its file is made and removed.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; the kernel accepts connections from now on.
    /// - Throws: `SocketError`: `.addressInUse`, `.noSuchFile` if the directory is missing,
    ///   `.permissionDenied`, `.wrongAddressFamily`, `.tooManyDescriptors`; `.notSupported` for
    ///   options that Unix sockets do not have: `reusePort` and `shards`.
    public static func bind(
        to address: SocketAddress,
        options: ListenOptions = ListenOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> Self {
        try requireMeaning(of: options, at: address)
        // A packet can always bring descriptors.
        let receives = options.receivesDescriptors || kind != SocketKind.stream
        // First, so that the program's own options have the last word.
        let settings = (receives ? [] : [.refusesDescriptors]) + options.socketOptions
        let bound = try bindUnix(kind, to: address, settings, options.socketFile, for: .bind)
        let file = bound.file
        let core = try ListenerCore.listen(
            bound.socket,
            at: address,
            backlog: options.backlog,
            on: group
        )
        let descriptors = DescriptorPolicy(receives: receives, of: core.registration)
        return Self(core: core, file: file, descriptors: descriptors)
    }

    /// What happens to descriptors that are passed to a connection of this listener.
    final func descriptorPolicy(of connection: Registration) -> DescriptorPolicy {
        let known = descriptors.load(ordering: .acquiring)
        return known == .closed ? DescriptorPolicy(receives: false, of: connection) : known
    }

    /// From now on a connection may let in more than this listener did until now.
    private func forgetRefusal() {
        core.registration.noteForeign()
        _ = descriptors.compareExchange(
            expected: .refused,
            desired: .closed,
            ordering: .acquiringAndReleasing
        )
    }

    /// Binds a socket to an address given as text, such as `unix:/path` or `unix:@name`.
    ///
    /// - Parameters:
    ///   - address: The address to listen at.
    ///   - options: The options of the listener, and how its file is made and removed.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` or `.nameTooLong` if the text is not
    ///   an address.
    public static func bind(
        to address: String,
        options: ListenOptions = ListenOptions(),
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> Self {
        try bind(to: SocketAddress(address), options: options, on: group)
    }

    /// Takes over a listening Unix socket of this kind that was made elsewhere, for example by
    /// another process that passed it here. `close()` does not remove its file.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and the listener closes it from now
    /// on. If this throws, the descriptor stays open. Non-blocking is a property of the open
    /// socket, not of the descriptor: it also affects a process that shares the socket. So does a
    /// `UnixListener`'s refusal of descriptors.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that the listener and its connections join.
    /// - Throws: `SocketError` if the descriptor is not such a listening socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        try self.init(adopting: descriptor, file: nil, on: group)
    }

    /// The address of the listener, with the name that the kernel chose if it was bound without
    /// one.
    public final var localAddress: SocketAddress { core.localAddress }

    /// Whether `close()` or `detach()` was called.
    public final var isClosed: Bool { core.isClosed }

    /// The failure that ended accepting, and with it loops over the listener; nil if there was
    /// none. Closing and cancellation are not failures.
    public final var failure: SocketError? { core.failure }

    /// Stops listening, and removes the socket's file if it is still the one that `bind` made.
    /// Connections that were not accepted yet are reset; accepted ones stay.
    ///
    /// Tasks that wait for a connection get `SocketError` with the code `.closed`; loops over the
    /// listener end. Closing twice is not an error. The corresponding system calls are `unlink(2)`
    /// and `close(2)`.
    public final func close() {
        core.registration.remove(file)
        core.close()
    }

    /// Takes the descriptor out of the listener. The listener is then closed, and the descriptor
    /// stays open. The socket's file stays.
    ///
    /// - Returns: The descriptor, non-blocking and close-on-exec. The caller must close it.
    /// - Throws: `SocketError`: `.busy` while a task accepts, `.closed` after `close()`.
    public final func detach() throws(SocketError) -> CInt {
        let descriptor = try core.detach()
        file?.keep()
        return descriptor
    }

    /// Makes another descriptor of the listening socket, for example to pass it to another process.
    ///
    /// The listener stays as it is. If both descriptors accept, each connection goes to one of
    /// them. The corresponding system call is `fcntl(2)` with F_DUPFD_CLOEXEC.
    ///
    /// - Returns: The new descriptor.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    public final func duplicateDescriptor() throws(SocketError) -> OwnedDescriptor {
        forgetRefusal()
        return try core.registration.duplicate(nil)
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
    /// - Parameter option: The option.
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
    ///   - option: The option.
    ///   - value: The new value.
    /// - Throws: `SocketError`: `.notSupported`, `.invalidArgument`, `.permissionDenied`,
    ///   `.closed`.
    public final func set<Value>(
        _ option: SocketOption<Value>,
        to value: Value
    ) throws(SocketError) {
        if option.stopsReads { forgetRefusal() }
        try core.set(option, to: value)
    }
}
