internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// A listening socket with a name, to be inherited by other processes.
///
/// It is bound and listens, so clients can connect from the beginning, but this process accepts
/// nobody: that is for the workers that inherit it (`TCPListener.inherited(named:)`).
public final class SharedSocket: Sendable {
    /// The name by which it is inherited.
    public let name: String

    /// Where it listens.
    public let localAddress: SocketAddress

    /// Nil after `close()`.
    private let descriptor: Mutex<Descriptor?>

    private init(_ name: String, _ descriptor: consuming Descriptor, _ address: SocketAddress) {
        self.name = name
        self.descriptor = Mutex(descriptor)
        localAddress = address
    }

    /// Another descriptor of the socket, which the caller must close.
    func duplicate() throws(Errno) -> CInt {
        let result = descriptor.withLock { descriptor -> Result<CInt, Errno> in
            guard let number = descriptor?.rawValue else { return .failure(.badDescriptor) }
            return Result { () throws(Errno) in try duplicateDescriptor(number).release() }
        }
        return try result.get()
    }

    /// Gives this process's share of the socket up. When nobody else has it, clients are refused.
    /// Closing twice is no error.
    public func close() { descriptor.withLock { $0 = nil } }

    /// Binds a TCP socket to an address and listens; or takes over the one that this process has
    /// itself inherited under the name.
    ///
    /// - Parameters:
    ///   - address: Where to listen.
    ///   - name: The name by which it is inherited: no colon, no control characters, not empty.
    ///   - options: How to listen; `shards` has no meaning here.
    /// - Returns: The socket.
    /// - Throws: As for `TCPListener.bind(to:options:on:)`.
    public static func listen(
        at address: String,
        named name: String,
        options: ListenOptions = ListenOptions()
    ) throws(SocketError) -> SharedSocket {
        try require(name)
        let address = try SocketAddress(address)
        let inherited: [CInt]
        do throws(Errno) {
            inherited = try InheritedDescriptors.shared.take(named: name) {
                (number) throws(Errno) in
                guard try isListening(number) else { throw .invalidArgument }
            }
        } catch {
            throw SocketError(.inherit, error)
        }
        if let number = inherited.first {
            for other in inherited.dropFirst() { closeDescriptor(other) }
            let bound = (try? SocketSystem.localAddress(of: number)).flatMap { SocketAddress($0) }
            return SharedSocket(name, Descriptor(owning: number), bound ?? address)
        }
        let socket = try makeSocket(
            try tcpKind(of: address, for: .bind),
            [
                .set(.reuseAddress, true), .set(.noDelay, true),
                .set(.reusePort, options.reusePort),
            ] + options.socketOptions,
            local: address,
            for: .bind
        )
        let bound = try ListenerCore.startListening(
            socket.rawValue,
            at: address,
            backlog: options.backlog
        )
        return SharedSocket(name, socket, bound)
    }

    /// The sockets of a listener of this process, as others may inherit them: one, or one for each
    /// shard. The listener stays as it is.
    ///
    /// - Parameters:
    ///   - listener: Whose sockets.
    ///   - name: The name by which they are inherited.
    /// - Returns: The sockets.
    /// - Throws: `SocketError`: `.closed` where the listener is, `.tooManyDescriptors`.
    public static func sockets(
        of listener: TCPListener,
        named name: String
    ) throws(SocketError) -> [SharedSocket] {
        try require(name)
        var sockets: [SharedSocket] = []
        for shard in listener.core.shards {
            let duplicate: CInt?
            do throws(Errno) {
                duplicate = try shard.use { (number) throws(Errno) in
                    try duplicateDescriptor(number).release()
                }
            } catch {
                throw SocketError(.detach, error, local: listener.localAddress)
            }
            guard let duplicate else {
                throw SocketError(.detach, code: .closed, local: listener.localAddress)
            }
            sockets.append(
                SharedSocket(name, Descriptor(owning: duplicate), listener.localAddress)
            )
        }
        return sockets
    }

    private static func require(_ name: String) throws(SocketError) {
        let isValid = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }
        if isValid, !name.isEmpty { return }
        throw SocketError(
            .inherit,
            code: .invalidArgument,
            reason: "a socket's name is printable ASCII without spaces and colons"
        )
    }
}
