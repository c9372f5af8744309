public import AsyncSockets
internal import SocketSystem

extension TCPListener {
    /// Takes over a listening TCP socket from the process that started the program: systemd, a
    /// supervisor (`WorkerProcesses`) or an earlier version of it (`HotRestart`).
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
    /// All TCP sockets with the name become one listener; sockets of other kinds with the same name
    /// stay. Those at one address are spread over the loops like the shards of `ListenOptions`. If
    /// there is one for each loop, a connection stays on the loop that accepts it, as with shards.
    ///
    /// - Parameters:
    ///   - name: The name that the socket has in `LISTEN_FDNAMES`; nil takes all that fit. A
    ///     socket that was passed without a name is called `unknown`.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; nil if no such socket was passed, or it was taken before.
    /// - Throws: `SocketError` if nothing with the name fits, and nothing was taken before:
    ///   `.invalidArgument` for a descriptor that is not a listening stream socket,
    ///   `.wrongAddressFamily` for one that is not TCP. They stay open, and may be taken as
    ///   something else. If the loops cannot take the sockets, these are closed.
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
        // If there are no loops, the descriptors are left as they are.
        _ = try group.loops(for: .inherit)
        let numbers = try inherited.takeTCPListeners(named: name) { (number) throws(Errno) in
            try adoptDescriptor(number)
        }
        if numbers.isEmpty { return nil }
        do throws(SocketError) {
            return try TCPListener(owning: numbers, on: group)
        } catch {
            throw error.during(.inherit)
        }
    }
}

extension InheritedDescriptors {
    /// Takes out the listening TCP sockets with a name, or all for nil.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - prepare: Called with each socket.
    /// - Returns: The sockets; none if nothing was passed.
    /// - Throws: `SocketError` if there are descriptors with the name and none is such a socket.
    func takeTCPListeners(
        named name: String?,
        _ prepare: (CInt) throws(Errno) -> Void = { (_) throws(Errno) in }
    ) throws(SocketError) -> [CInt] {
        do throws(Errno) {
            return try take(named: name) { (number) throws(Errno) in
                let families = SocketKind.internetFamilies
                try requireSocket(number, type: SocketKind.stream, families: families)
                try requireListening(number)
                try prepare(number)
            }
        } catch {
            throw SocketError(
                .inherit,
                error,
                reason: "\(name ?? "what was passed") is no listening TCP socket"
            )
        }
    }
}
