internal import SocketReactor
internal import SocketSystem

extension TCPListener {
    /// Takes over a listening TCP socket from the starter of the program: systemd, a supervisor
    /// (`WorkerProcesses`) or an earlier version of it (`HotRestart`).
    ///
    /// ```swift
    /// let listener = try TCPListener.inherited(named: "http") ?? .bind(to: "127.0.0.1:8080")
    /// ```
    ///
    /// The socket comes by the `LISTEN_FDS` protocol of `sd_listen_fds(3)`: descriptors from 3 on,
    /// their number in `LISTEN_FDS`, their names in `LISTEN_FDNAMES`, all meant for the process in
    /// `LISTEN_PID`. The first use of anything inherited removes the variables. So it belongs to
    /// the beginning of a program, before other threads read the environment.
    ///
    /// All sockets with the name become one listener: those at one address are spread over the
    /// loops like the shards of `ListenOptions`. If there is one for each loop, a connection stays
    /// on the loop that accepts it, as with shards.
    ///
    /// - Parameters:
    ///   - name: The name that the socket has in `LISTEN_FDNAMES`; nil takes all that are left. A
    ///     socket that was passed without a name is called `unknown`.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; nil if no such socket was passed, or it was taken before.
    /// - Throws: `SocketError`: `.invalidArgument` for a descriptor that is not a listening stream
    ///   socket, `.wrongAddressFamily` for one that is not TCP. The descriptors then stay open, and
    ///   may be taken as something else. If the loops cannot take the sockets, these are closed.
    public static func inherited(
        named name: String? = nil,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> TCPListener? {
        try inherited(named: name, from: .shared, on: group)
    }

    /// The same from a list of descriptors.
    static func inherited(
        named name: String?,
        from inherited: InheritedDescriptors,
        on group: EventLoopGroup
    ) throws(SocketError) -> TCPListener? {
        let loops = try group.loops(for: .inherit).loops
        let numbers: [CInt]
        do throws(Errno) {
            numbers = try inherited.take(named: name) { (number) throws(Errno) in
                let families = SocketKind.internetFamilies
                try requireSocket(number, type: SocketKind.stream, families: families)
                try requireListening(number)
                try adoptDescriptor(number)
            }
        } catch {
            throw .noInheritedListener(named: name, error)
        }
        let parts = try ListenerCore.parts(owning: numbers, over: loops, of: group)
        if parts.isEmpty { return nil }
        return TCPListener(core: parts.count == 1 ? parts[0] : ListenerCore(joining: parts))
    }
}

extension ListenerCore {
    /// Makes a listener for each address of some listening sockets. If one socket cannot be taken,
    /// all are closed.
    fileprivate static func parts(
        owning numbers: [CInt],
        over loops: [EventLoop],
        of group: EventLoopGroup
    ) throws(SocketError) -> [ListenerCore] {
        var rest = numbers[...]
        var shards: [(address: SocketAddress, shards: [Registration])] = []
        do throws(SocketError) {
            while let number = rest.first {
                let address = try SocketAddress(ofInherited: number)
                let index = shards.firstIndex { $0.address == address } ?? shards.endIndex
                if index == shards.endIndex { shards.append((address, [])) }
                let loop = loops[shards[index].shards.count % loops.count]
                rest.removeFirst()
                shards[index].shards.append(
                    try group.register(
                        Descriptor(owning: number),
                        on: loop,
                        for: .inherit,
                        local: address
                    )
                )
            }
        } catch {
            for number in rest { closeDescriptor(number) }
            for shard in shards.flatMap(\.shards) { shard.close() }
            throw error
        }
        return shards.map { part in
            // `ListenShards` also makes a socket for each loop, and connections stay there.
            ListenerCore(
                shards: part.shards,
                group: group,
                localAddress: part.address,
                staysOnLoop: part.shards.count == loops.count
            )
        }
    }
}

extension SocketAddress {
    /// The address of a socket that came from another process.
    init(ofInherited number: CInt) throws(SocketError) {
        do throws(Errno) {
            let bound = SocketAddress(try SocketSystem.localAddress(of: number))
            guard let bound else { throw .wrongAddressFamily }
            self = bound
        } catch {
            throw SocketError(.inherit, error)
        }
    }
}

extension SocketError {
    /// The error for an inherited descriptor that is not a listening TCP socket.
    static func noInheritedListener(named name: String?, _ error: Errno) -> SocketError {
        SocketError(
            .inherit,
            error,
            reason: "\(name ?? "what was passed") is no listening TCP socket: \(error)"
        )
    }
}
