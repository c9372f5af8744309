internal import SocketReactor
internal import SocketSystem

extension TCPListener {
    /// Makes further descriptors of the listening sockets: one, or one for each shard or address.
    ///
    /// - Returns: The descriptors, at least one.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    package func duplicateDescriptors() throws(SocketError) -> [OwnedDescriptor] {
        var descriptors: [OwnedDescriptor] = []
        for shard in core.shards { descriptors.append(try shard.duplicate(nil)) }
        return descriptors
    }

    /// Makes one listener of listening TCP sockets: those at one address are spread over the loops
    /// like the shards of `ListenOptions`.
    ///
    /// - Parameters:
    ///   - descriptors: The sockets, at least one, non-blocking and close-on-exec. They are closed
    ///     if this throws.
    ///   - group: The loops that the listener and its connections join.
    /// - Throws: `SocketError` if the loops cannot take the sockets.
    package convenience init(
        owning descriptors: [CInt],
        on group: EventLoopGroup
    ) throws(SocketError) {
        let parts = try ListenerCore.parts(owning: descriptors, of: group)
        self.init(core: parts.count == 1 ? parts[0] : ListenerCore(joining: parts))
    }
}

extension ListenerCore {
    /// Makes a listener for each address of some listening sockets. If one socket cannot be taken,
    /// all are closed.
    fileprivate static func parts(
        owning descriptors: [CInt],
        of group: EventLoopGroup
    ) throws(SocketError) -> [ListenerCore] {
        var rest = descriptors[...]
        var shards: [(address: SocketAddress, shards: [Registration])] = []
        let loops: [EventLoop]
        do throws(SocketError) {
            loops = try group.loops(for: .adopt).loops
            while let descriptor = rest.first {
                let address = try SocketAddress(ofSocket: descriptor, for: .adopt)
                let index = shards.firstIndex { $0.address == address } ?? shards.endIndex
                if index == shards.endIndex { shards.append((address, [])) }
                let loop = loops[shards[index].shards.count % loops.count]
                rest.removeFirst()
                shards[index].shards.append(
                    try group.register(
                        Descriptor(owning: descriptor),
                        on: loop,
                        for: .adopt,
                        local: address
                    )
                )
            }
        } catch {
            for descriptor in rest { closeDescriptor(descriptor) }
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
