internal import SocketReactor
internal import SocketSystem

extension ListenerCore {
    /// The same listener with further descriptors of each of its sockets, one in each other loop.
    ///
    /// The kernel tells the listener's own loop of a new connection, and one other that waits
    /// (EPOLLEXCLUSIVE in epoll_ctl(2)). So a task that blocks the thread of a loop keeps nobody
    /// from being accepted. The level-triggered pollers cannot have it so: with them one loop
    /// accepts, and so it is if there is no descriptor left.
    ///
    /// - Returns: This listener, if there are no other loops, or it has sockets in all of them.
    func withStandIns() -> ListenerCore {
        guard !staysOnLoop, let loops = try? group.started.get(), loops.backend == .epoll else {
            return self
        }
        let standIns = shards.flatMap { socket in
            loops.loops.filter { $0 !== socket.loop }.compactMap { standIn(for: socket, in: $0) }
        }
        if standIns.isEmpty { return self }
        return ListenerCore(
            shards: shards + standIns,
            group: group,
            localAddress: localAddress,
            origin: self
        )
    }

    private func standIn(for socket: Registration, in loop: EventLoop) -> Registration? {
        let standIn = socket.use { descriptor -> Registration? in
            guard let another = try? duplicateDescriptor(descriptor) else { return nil }
            return try? loop.register(another, interest: [.read, .exclusive])
        }
        if socket.isShared { standIn??.noteShared() }
        return standIn ?? nil
    }
}
