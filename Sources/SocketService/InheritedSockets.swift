public import AsyncSockets

// Sockets other than TCP listeners that programs inherit: each kind has its own
// `inherited(named:)`.

extension UnixListener: Inheritable {
    /// Takes over a listening Unix stream socket from the process that started the program, by the
    /// `LISTEN_FDS` protocol; see `TCPListener.inherited(named:on:)`.
    ///
    /// If several sockets have the name, each call takes the next one of this kind; those of other
    /// kinds stay.
    ///
    /// The file of a path belongs to the process that bound it: `close()` does not remove it. There
    /// is one exception: an earlier version of the program (`HotRestart`) leaves the file to this
    /// one. Then `close()` removes it once `ServiceManager.notify(.ready)` was called.
    ///
    /// - Parameters:
    ///   - name: The name that the socket has in `LISTEN_FDNAMES`; nil for the first that is left.
    ///   - receivesDescriptors: Whether the connections receive descriptors that their peers pass.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; nil if no such socket was passed, or all were taken before.
    /// - Throws: `SocketError` if nothing with the name fits, and nothing was taken before:
    ///   `.invalidArgument` for a descriptor that is not a listening stream
    ///   socket, `.wrongAddressFamily` for one that is not a Unix socket. They stay open, and
    ///   may be taken as something else.
    public static func inherited(
        named name: String? = nil,
        receivesDescriptors: Bool = false,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UnixListener? {
        try inherited(named: name, from: .shared) { (number, file) throws(SocketError) in
            try UnixListener(
                adopting: number,
                receivesDescriptors: receivesDescriptors,
                file: file,
                on: group
            )
        }
    }
}

extension UnixPacketListener: Inheritable {
    /// Takes over a listening Unix packet socket from the process that started the program, by the
    /// `LISTEN_FDS` protocol; see `TCPListener.inherited(named:on:)`.
    ///
    /// If several sockets have the name, each call takes the next one of this kind; those of other
    /// kinds stay.
    ///
    /// The file of a path belongs to the process that bound it: `close()` does not remove it. There
    /// is one exception: an earlier version of the program (`HotRestart`) leaves the file to this
    /// one. Then `close()` removes it once `ServiceManager.notify(.ready)` was called.
    ///
    /// - Parameters:
    ///   - name: The name that the socket has in `LISTEN_FDNAMES`; nil for the first that is left.
    ///   - group: The loops that the listener and its connections join.
    /// - Returns: The listener; nil if no such socket was passed, or all were taken before.
    /// - Throws: `SocketError` if nothing with the name fits, and nothing was taken before:
    ///   `.invalidArgument` for a descriptor that is not a listening packet
    ///   socket, `.wrongAddressFamily` for one that is not a Unix socket. They stay open, and
    ///   may be taken as something else.
    public static func inherited(
        named name: String? = nil,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UnixPacketListener? {
        try inherited(named: name, from: .shared, on: group)
    }
}

extension UDPSocket: Inheritable {
    /// Takes over a UDP socket from the process that started the program, by the
    /// `LISTEN_FDS` protocol; see `TCPListener.inherited(named:on:)`.
    ///
    /// If several sockets have the name, each call takes the next one of this kind; those of other
    /// kinds stay.
    ///
    /// - Parameters:
    ///   - name: The name that the socket has in `LISTEN_FDNAMES`; nil for the first that is left.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket; nil if no such socket was passed, or all were taken before.
    /// - Throws: `SocketError` if nothing with the name fits, and nothing was taken before:
    ///   `.invalidArgument` for a descriptor that is not a datagram
    ///   socket, `.wrongAddressFamily` for one that is not UDP. They stay open, and
    ///   may be taken as something else.
    public static func inherited(
        named name: String? = nil,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UDPSocket? {
        try inherited(named: name, from: .shared, on: group)
    }
}

extension UnixDatagramSocket: Inheritable {
    /// Takes over a Unix datagram socket from the process that started the program, by the
    /// `LISTEN_FDS` protocol; see `TCPListener.inherited(named:on:)`.
    ///
    /// If several sockets have the name, each call takes the next one of this kind; those of other
    /// kinds stay.
    ///
    /// The file of a path belongs to the process that bound it: `close()` does not remove it. There
    /// is one exception: an earlier version of the program (`HotRestart`) leaves the file to this
    /// one. Then `close()` removes it once `ServiceManager.notify(.ready)` was called.
    ///
    /// - Parameters:
    ///   - name: The name that the socket has in `LISTEN_FDNAMES`; nil for the first that is left.
    ///   - group: The loops that the socket joins.
    /// - Returns: The socket; nil if no such socket was passed, or all were taken before.
    /// - Throws: `SocketError` if nothing with the name fits, and nothing was taken before:
    ///   `.invalidArgument` for a descriptor that is not a datagram socket,
    ///   `.wrongAddressFamily` for one that is not a Unix socket. They stay open, and may
    ///   be taken as something else.
    public static func inherited(
        named name: String? = nil,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> UnixDatagramSocket? {
        try inherited(named: name, from: .shared, on: group)
    }
}

extension UDPSocket {
    convenience init(
        adopting descriptor: CInt,
        file: SocketFile?,
        on group: EventLoopGroup
    ) throws(SocketError) {
        try self.init(adopting: descriptor, on: group)
    }
}

/// A type that takes over a socket by its descriptor, with the file of its path, if there is one.
protocol Inheritable {
    init(adopting descriptor: CInt, file: SocketFile?, on group: EventLoopGroup) throws(SocketError)
}

extension Inheritable {
    /// Takes over the next socket with a name from a list of descriptors; nil if none is left.
    static func inherited(
        named name: String?,
        from inherited: InheritedDescriptors,
        on group: EventLoopGroup
    ) throws(SocketError) -> Self? {
        try self.inherited(named: name, from: inherited) { (number, file) throws(SocketError) in
            try Self(adopting: number, file: file, on: group)
        }
    }

    fileprivate static func inherited(
        named name: String?,
        from inherited: InheritedDescriptors,
        _ adopt: (CInt, SocketFile?) throws(SocketError) -> Self
    ) throws(SocketError) -> Self? {
        try inherited.takeFirst(named: name) { (number) throws(SocketError) in
            let file = inherited.file(of: number)
            do throws(SocketError) {
                return try adopt(number, file)
            } catch {
                // The descriptor stays, and so does the file.
                file?.keep()
                throw error
            }
        }
    }
}
