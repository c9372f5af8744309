internal import SocketReactor
internal import SocketSystem

/// A connection over a Unix socket that keeps message boundaries (SOCK_SEQPACKET in `unix(7)`). It
/// is reliable and in order like a stream, but one call receives what one call sent.
///
/// ```swift
/// let connection = try await UnixPacketConnection.connect(to: "unix:/run/example.sock")
/// try await connection.send("question")
/// let answer = try await connection.receive()?.bytes
/// ```
///
/// Receiving is iterating; the loop ends when the peer has closed. See `UnixMessageSocket` for
/// options and closing.
public final class UnixPacketConnection: UnixMessageSocket, @unchecked Sendable {
    /// The reason why an empty packet could not be told from the end; receiving then throws it.
    private let markFailure: SocketError?

    /// Receiving needs the time stamps that `init` asked for, no matter which option was set.
    override func optionsChanged() {
        _ = try? core.registration.use { (socket) throws(Errno) in try markPackets(of: socket) }
    }

    init(registration: Registration, remoteAddress: SocketAddress?, file: SocketFile? = nil) {
        do throws(Errno) {
            // Without it an empty packet would look like the end.
            _ = try registration.use { (socket) throws(Errno) in try markPackets(of: socket) }
            markFailure = nil
        } catch {
            // One bad connection must not end the loop that accepts.
            markFailure = SocketError(.setOption, error, remote: remoteAddress)
        }
        super.init(
            registration: registration,
            peer: remoteAddress,
            file: file,
            style: .packets
        )
    }

    /// Takes over a connected Unix packet socket that was made elsewhere.
    ///
    /// The descriptor is made non-blocking and close-on-exec, and the connection closes it from now
    /// on. If this throws, the descriptor stays open.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - group: The loops that it joins.
    /// - Throws: `SocketError` if the descriptor is not a connected Unix packet socket.
    public convenience init(
        adopting descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        let remote = try adopt(
            descriptor,
            (SocketKind.sequencedPacket, SocketKind.unixFamilies)
        )
        let registration = try group.register(adopting: descriptor, for: .adopt, remote: remote)
        self.init(registration: registration, remoteAddress: remote)
    }

    /// Connects to a Unix packet listener; as `UnixConnection.connect(to:options:on:)`.
    ///
    /// The corresponding system call is `connect(2)`.
    ///
    /// - Parameters:
    ///   - address: The listener's address.
    ///   - options: The local address, and options of the socket.
    ///   - group: The loops that the connection joins.
    /// - Returns: The connection.
    /// - Throws: `SocketError`: `.noSuchFile`, `.connectionRefused`, `.permissionDenied`,
    ///   `.wrongAddressFamily`; the error number EPROTOTYPE if it is a stream listener.
    ///   `CancellationError` if the task was cancelled; no socket is left then.
    public static func connect(
        to address: SocketAddress,
        options: ConnectOptions = ConnectOptions(),
        on group: EventLoopGroup = .shared
    ) async throws -> UnixPacketConnection {
        let connected = try await connectUnix(
            SocketKind.sequencedPacket,
            to: address,
            options: options,
            on: group
        )
        return UnixPacketConnection(
            registration: connected.registration,
            remoteAddress: address,
            file: connected.file
        )
    }

    /// Connects to a Unix packet listener whose address is given as text.
    ///
    /// - Parameters:
    ///   - address: The listener's address, `unix:/path` or `unix:@name`.
    ///   - options: The local address, and options of the socket.
    ///   - group: The loops that the connection joins.
    /// - Returns: The connection.
    /// - Throws: As for a `SocketAddress`; `.invalidAddress` if the text is not an address.
    public static func connect(
        to address: String,
        options: ConnectOptions = ConnectOptions(),
        on group: EventLoopGroup = .shared
    ) async throws -> UnixPacketConnection {
        try await connect(to: SocketAddress(address), options: options, on: group)
    }

    /// Makes two connections that are each other's peer.
    ///
    /// The corresponding system call is `socketpair(2)`.
    ///
    /// - Parameter group: The loops that they join.
    /// - Returns: The two ends.
    /// - Throws: `SocketError`: `.tooManyDescriptors`.
    public static func pair(
        on group: EventLoopGroup = .shared
    ) throws(SocketError) -> (UnixPacketConnection, UnixPacketConnection) {
        let (first, second) = try group.registerPair(SocketKind.sequencedPacket)
        return (
            UnixPacketConnection(registration: first, remoteAddress: .unixUnnamed),
            UnixPacketConnection(registration: second, remoteAddress: .unixUnnamed)
        )
    }
}

// MARK: - Sending and receiving

extension UnixPacketConnection {
    /// Sends one packet, and passes descriptors with it; returns when the kernel has it.
    ///
    /// An empty packet is a packet. The corresponding system call is `sendmsg(2)`.
    ///
    /// - Parameters:
    ///   - bytes: The packet; it is sent whole or not at all.
    ///   - descriptors: The descriptors to pass, at most `UnixMessage.maximumDescriptors`. They
    ///     stay open.
    /// - Throws: `SocketError`: `.messageTooLong` for more than the send buffer holds,
    ///   `.brokenPipe` if the peer is gone, `.limitExceeded` for too many descriptors, `.closed`.
    ///   `CancellationError` if the task was cancelled: nothing was sent then.
    public func send(
        _ bytes: Span<UInt8>,
        passing descriptors: [OwnedDescriptor] = []
    ) async throws {
        try await sendMessage(bytes, passing: descriptors)
    }

    /// Sends one packet; see `send(_:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - bytes: The packet.
    ///   - descriptors: The descriptors to pass.
    /// - Throws: As `send(_:passing:)` of a span.
    public func send(_ bytes: [UInt8], passing descriptors: [OwnedDescriptor] = []) async throws {
        try await send(bytes.span, passing: descriptors)
    }

    /// Sends a text as one packet of UTF-8; see `send(_:passing:)` of a span.
    ///
    /// - Parameters:
    ///   - text: The packet.
    ///   - descriptors: The descriptors to pass.
    /// - Throws: As `send(_:passing:)` of a span.
    public func send(_ text: String, passing descriptors: [OwnedDescriptor] = []) async throws {
        try await send(text.utf8.span, passing: descriptors)
    }

    /// Receives one packet, whole, with the descriptors that were passed with it.
    ///
    /// The corresponding system call is `recvmsg(2)`.
    ///
    /// - Returns: The packet, which may be empty; nil if the peer has closed or shut down.
    /// - Throws: `SocketError`: `.connectionReset` if the peer closed and left packets of ours
    ///   unread: behind the packets that had arrived, and each time; `.closed`; `.descriptorsLost`
    ///   if the process has no number left for a descriptor, and `.messageTooLong` for a packet of
    ///   more than 1 MiB (which needs a privileged sender): the packet is lost then.
    ///   `CancellationError` if the task was cancelled: nothing was received then.
    public func receive() async throws -> UnixMessage? {
        if let markFailure { throw markFailure }
        let packet = try await receiveMessage()
        // Every packet has a time stamp with it (see `init`); the end has nothing.
        if packet.isNothing { return nil }
        return try UnixMessage(packet, source: remoteAddress ?? .unixUnnamed)
    }

    /// Receives one packet into the caller's memory, with the descriptors that were passed with it.
    ///
    /// The corresponding system call is `recvmsg(2)`.
    ///
    /// - Parameter buffer: The memory for the packet, filled from its beginning. Bytes that do not
    ///   fit are lost; the header's `length` is the packet's whole length.
    /// - Returns: The packet without its bytes; nil if the peer has closed or shut down.
    /// - Throws: As `receive()`, except that no packet is too long.
    public func receive(
        into buffer: inout MutableSpan<UInt8>
    ) async throws -> UnixMessageHeader? {
        if let markFailure { throw markFailure }
        let packet = try await receiveMessage(into: &buffer)
        return packet.isNothing ? nil : try packet.header(from: remoteAddress)
    }

    /// Ends one direction of the connection.
    ///
    /// `shutdown(.write)` tells the peer that no more packets will come, while receiving goes on:
    /// the half-close. Doing it twice is not an error. `shutdown(.read)` makes receives return the
    /// end; the peer's sending fails then. The corresponding system call is `shutdown(2)`.
    ///
    /// - Parameter direction: The direction that ends.
    /// - Throws: `SocketError`: `.closed` after `close()`.
    public func shutdown(_ direction: StreamConnection.Direction) throws(SocketError) {
        let done: Void?
        do throws(Errno) {
            done = try core.registration.use { (socket) throws(Errno) in
                try shutdownSocket(socket, direction.value)
            }
        } catch {
            throw SocketError(.shutdown, error, remote: remoteAddress)
        }
        if done == nil { throw SocketError(.shutdown, code: .closed, remote: remoteAddress) }
    }
}

// MARK: - The peer

extension UnixPacketConnection {
    /// The peer's process, user and group when it connected, or when it began to listen
    /// (SO_PEERCRED).
    ///
    /// - Throws: `SocketError`: `.closed` after `close()`.
    public var peerCredentials: UnixCredentials {
        get throws(SocketError) { try core.registration.credentials(of: remoteAddress) }
    }

    /// The supplementary groups that the peer had at that time (SO_PEERGROUPS).
    ///
    /// - Throws: `SocketError`: `.closed` after `close()`, `.notSupported` before Linux 4.13.
    public var peerGroups: [UInt32] {
        get throws(SocketError) { try core.registration.groups(of: remoteAddress) }
    }

    /// Opens a pidfd of the peer's process (SO_PEERPIDFD); see
    /// `UnixConnection.peerProcessDescriptor()`.
    ///
    /// - Returns: The descriptor.
    /// - Throws: `SocketError`: `.notSupported` before Linux 6.5; the error number ESRCH or EINVAL
    ///   if the process is gone.
    public func peerProcessDescriptor() throws(SocketError) -> OwnedDescriptor {
        try core.registration.processDescriptor(of: remoteAddress)
    }
}

// MARK: - Iteration

extension UnixPacketConnection: AsyncSequence {
    /// The packets, as they arrive.
    public typealias Element = UnixMessage

    /// Receives one packet after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let connection: UnixPacketConnection

        /// Waits for the next packet.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The packet; nil if the peer has closed.
        /// - Throws: As `receive()`.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws -> UnixMessage? {
            try await connection.receive()
        }
    }

    /// Begins to receive. Iterators share the connection: each packet goes to one of them.
    ///
    /// - Returns: The iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(connection: self) }
}
