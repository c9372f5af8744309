internal import SocketSystem

extension UnixSocketListener {
    /// Takes over a listening socket that was made elsewhere, and its file.
    package convenience init(
        adopting descriptor: CInt,
        file: SocketFile?,
        on group: EventLoopGroup
    ) throws(SocketError) {
        try self.init(adopting: descriptor, receivesDescriptors: false, file: file, on: group)
    }

    /// The same, for connections that may receive descriptors.
    package convenience init(
        adopting descriptor: CInt,
        receivesDescriptors: Bool,
        file: SocketFile?,
        on group: EventLoopGroup
    ) throws(SocketError) {
        let core = try ListenerCore.adopt(
            descriptor,
            (Self.kind, SocketKind.unixFamilies),
            on: group
        )
        if Self.kind == SocketKind.stream {
            core.registration.admitDescriptors(receivesDescriptors)
        }
        // Connections that wait to be accepted were made before, so each is asked.
        self.init(core: core, file: file, descriptors: receivesDescriptors ? .received : .closed)
    }
}
