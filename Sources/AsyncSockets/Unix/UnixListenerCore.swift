internal import SocketReactor
internal import SocketSystem

/// What Unix stream and packet listeners have in common: a listening socket and its file.
final class UnixListenerCore: Sendable {
    let listener: ListenerCore
    /// The file of the listener's path; nil for an abstract name, and where another made it.
    private let file: SocketFile?

    private init(listener: ListenerCore, file: SocketFile?) {
        self.listener = listener
        self.file = file
    }

    deinit { close() }

    static func bind(
        _ type: CInt,
        to address: SocketAddress,
        options: ListenOptions,
        on group: EventLoopGroup
    ) throws(SocketError) -> UnixListenerCore {
        guard !options.reusePort else {
            throw SocketError(
                .bind,
                code: .notSupported,
                local: address,
                reason: "Unix sockets cannot share an address (reusePort)"
            )
        }
        let bound = try bindUnix(
            type,
            to: address,
            options.socketOptions,
            options.socketFile,
            for: .bind
        )
        let file = bound.file
        let listener = try ListenerCore.listen(
            bound.socket,
            at: address,
            backlog: options.backlog,
            on: group
        )
        return UnixListenerCore(listener: listener, file: file)
    }

    /// Takes over a listening socket; its file is its giver's affair.
    static func adopt(
        _ descriptor: CInt,
        _ type: CInt,
        on group: EventLoopGroup
    ) throws(SocketError) -> UnixListenerCore {
        let kind = (type, SocketKind.unixFamilies)
        let listener = try ListenerCore.adopt(descriptor, kind, on: group)
        return UnixListenerCore(listener: listener, file: nil)
    }

    func close() {
        file?.remove(isBound: true)
        listener.registration.close()
    }

    /// Takes the descriptor out; the file stays for whoever gets it.
    func detach() throws(SocketError) -> CInt {
        guard let descriptor = listener.registration.detach() else {
            throw SocketError(
                .detach,
                code: listener.registration.isClosed ? .closed : .busy,
                local: listener.localAddress
            )
        }
        file?.keep()
        return descriptor.release()
    }
}
