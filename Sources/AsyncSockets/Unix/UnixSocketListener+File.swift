internal import SocketSystem

extension UnixSocketListener {
    /// Takes over a listening socket that was made elsewhere, and its file.
    package convenience init(
        adopting descriptor: CInt,
        file: SocketFile?,
        on group: EventLoopGroup
    ) throws(SocketError) {
        let kind = (Self.kind, SocketKind.unixFamilies)
        self.init(core: try .adopt(descriptor, kind, on: group), file: file)
    }
}
