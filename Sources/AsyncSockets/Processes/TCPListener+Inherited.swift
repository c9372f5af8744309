internal import SocketReactor
internal import SocketSystem

extension TCPListener {
    /// Takes over a listening TCP socket from whoever started the program: systemd, a supervisor
    /// (`WorkerProcesses`) or an earlier version of it (`HotRestart`).
    ///
    /// ```swift
    /// let listener = try TCPListener.inherited(named: "http") ?? .bind(to: "127.0.0.1:8080")
    /// ```
    ///
    /// The socket comes by the `LISTEN_FDS` protocol of `sd_listen_fds(3)`: descriptors from 3 on,
    /// their number in `LISTEN_FDS`, their names in `LISTEN_FDNAMES`, all meant for the process in
    /// `LISTEN_PID`. The first use of anything inherited removes the variables, so it belongs to
    /// the beginning of a program, before other threads look at the environment.
    ///
    /// Several sockets with the name become one listener, spread over the loops like the shards
    /// of `ListenOptions`.
    ///
    /// - Parameters:
    ///   - name: The name that the socket has in `LISTEN_FDNAMES`; nil takes all that are left. A
    ///     socket that was passed without a name is called `unknown`.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; nil where no such socket was passed, or it was taken before.
    /// - Throws: `SocketError`: `.invalidArgument` for a descriptor that is no listening stream
    ///   socket, `.wrongAddressFamily` for one that is not TCP. The descriptor is left open, and
    ///   may be taken as something else.
    public static func inherited(
        named name: String? = nil,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> TCPListener? {
        guard
            let core = try ListenerCore.inherited(
                named: name,
                families: SocketKind.internetFamilies,
                on: group
            )
        else { return nil }
        return TCPListener(core: core)
    }
}

extension ListenerCore {
    /// Takes over inherited stream listeners of some address families; nil where there is none.
    static func inherited(
        named name: String?,
        families: [CInt],
        from inherited: InheritedDescriptors = .shared,
        on group: EventLoopGroup
    ) throws(SocketError) -> ListenerCore? {
        let numbers: [CInt]
        do throws(Errno) {
            numbers = try inherited.take(named: name) { (number) throws(Errno) in
                try requireSocket(number, type: SocketKind.stream, families: families)
                guard try isListening(number) else { throw .invalidArgument }
                try adoptDescriptor(number)
            }
        } catch {
            throw SocketError(
                .inherit,
                error,
                reason: "what was passed as \(name ?? "any socket") is no such listening socket"
            )
        }
        guard let first = numbers.first else { return nil }
        guard
            let bound = try? SocketSystem.localAddress(of: first),
            let address = SocketAddress(bound)
        else { throw SocketError(.inherit, code: .wrongAddressFamily) }
        let loops = try group.loops(for: .inherit).loops
        var shards: [Registration] = []
        for (index, number) in numbers.enumerated() {
            shards.append(
                try group.register(
                    Descriptor(owning: number),
                    on: loops[index % loops.count],
                    for: .inherit,
                    local: address
                )
            )
        }
        return ListenerCore(shards: shards, group: group, localAddress: address)
    }
}
