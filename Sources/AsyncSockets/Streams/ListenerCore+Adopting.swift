internal import SocketReactor
internal import SocketSystem

extension ListenerCore {
    /// Takes over a listening socket that was made elsewhere; it is left open where this throws.
    static func adopt(
        _ descriptor: CInt,
        _ kind: (type: CInt, families: [CInt]),
        on group: EventLoopGroup
    ) throws(SocketError) -> ListenerCore {
        let local: SocketAddress?
        do throws(Errno) {
            try requireSocket(descriptor, type: kind.type, families: kind.families)
            try requireListening(descriptor)
            local = SocketAddress(try SocketSystem.localAddress(of: descriptor))
            try adoptDescriptor(descriptor)
        } catch {
            throw SocketError(.adopt, error)
        }
        return ListenerCore(
            registration: try group.register(adopting: descriptor, for: .adopt, local: local),
            group: group,
            localAddress: local ?? .unixUnnamed
        )
    }
}

extension TCPListener {
    /// Takes over a listening TCP socket that was made elsewhere, such as by another process that
    /// passed it here.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and is closed by the listener from
    /// now on. It is left open where this throws. Non-blocking is a property of the open socket,
    /// not of the descriptor: a process that shares it sees it too.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that the listener and its connections join.
    /// - Throws: `SocketError` where the descriptor is no listening TCP socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        let kind = (SocketKind.stream, SocketKind.internetFamilies)
        self.init(core: try .adopt(descriptor, kind, on: group))
    }
}
