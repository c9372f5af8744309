internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// The common part of Unix packet connections and datagram sockets: sockets that keep the
/// boundaries of messages.
///
/// Any number of tasks may send and receive; each message goes to one of them. The socket closes
/// when `close()` is called or when the last reference to it is gone.
public class UnixMessageSocket: @unchecked Sendable {
    let core: DatagramCore
    /// The connected peer, if any; kept here because the kernel does not report it once the
    /// connection is dead.
    let peer: Mutex<SocketAddress?>
    /// The file of the socket's own path; nil for an abstract name, and if another process made the
    /// file.
    package let file: SocketFile?

    init(
        registration: Registration,
        peer: SocketAddress?,
        file: SocketFile? = nil,
        style: DatagramCore.Style = .large
    ) {
        core = DatagramCore(registration: registration, style: style)
        self.peer = Mutex(peer)
        self.file = file
        registration.noteForeign()
    }

    deinit { close() }

    /// Called after an option was set.
    func optionsChanged() {}

    /// The socket's own address; nil after it was closed.
    ///
    /// The corresponding system call is `getsockname(2)`.
    public final var localAddress: SocketAddress? { core.registration.localAddress }

    /// The connected peer; nil if there is none. It stays known after the connection has ended.
    public final var remoteAddress: SocketAddress? { peer.withLock { $0 } }

    /// Whether `close()` or `detach()` was called.
    public final var isClosed: Bool { core.registration.isClosed }

    /// Closes the socket, and removes its file if it is still the one that was made for it.
    ///
    /// Operations that wait for it throw `SocketError` with the code `.closed`; so do all later
    /// ones. Closing twice is not an error. The peer can still receive messages that were sent. The
    /// corresponding system calls are `unlink(2)` and `close(2)`.
    public final func close() {
        core.registration.remove(file)
        core.close()
    }

    /// Takes the descriptor out of the socket. The socket is then closed, and the descriptor stays
    /// open. The socket's file stays.
    ///
    /// - Returns: The descriptor, non-blocking and close-on-exec. The caller must close it.
    /// - Throws: `SocketError`: `.busy` while an operation is in progress, `.closed` after
    ///   `close()`.
    public final func detach() throws(SocketError) -> CInt {
        let descriptor = try core.registration.takeOut(remote: remoteAddress)
        file?.keep()
        return descriptor
    }

    /// Makes another descriptor of the socket, for example to pass it to another process.
    ///
    /// The corresponding system call is `fcntl(2)` with F_DUPFD_CLOEXEC.
    ///
    /// - Returns: The new descriptor.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    public final func duplicateDescriptor() throws(SocketError) -> OwnedDescriptor {
        try core.registration.duplicate(remoteAddress)
    }
}

// MARK: - Options

extension UnixMessageSocket {
    /// Reads an option.
    ///
    /// The corresponding system call is `getsockopt(2)`.
    ///
    /// - Parameter option: The option.
    /// - Returns: Its value.
    /// - Throws: `SocketError`: `.notSupported`, `.closed` after `close()`.
    public final func get<Value: Sendable>(
        _ option: SocketOption<Value>
    ) throws(SocketError) -> Value {
        let value = try core.registration.get(option, remote: remoteAddress)
        if let errno = (value as? SocketError.Code)?.asErrno { core.noteReset(errno) }
        return value
    }

    /// Sets an option, such as `receiveCredentials`: from then on every received message carries
    /// its sender's credentials.
    ///
    /// The corresponding system call is `setsockopt(2)`.
    ///
    /// - Parameters:
    ///   - option: The option.
    ///   - value: The new value.
    /// - Throws: `SocketError`: `.invalidArgument`, `.notSupported`, `.closed` after `close()`.
    public final func set<Value: Sendable>(
        _ option: SocketOption<Value>,
        to value: Value
    ) throws(SocketError) {
        try core.registration.set(option, to: value, remote: remoteAddress)
        optionsChanged()
    }
}

// MARK: - Transfer

extension UnixMessageSocket {
    /// Sends one message with what is passed with it, to `address` or to the peer.
    final func sendMessage(
        _ bytes: Span<UInt8>,
        to address: SocketAddress? = nil,
        passing descriptors: [OwnedDescriptor]
    ) async throws {
        let remote = address ?? remoteAddress
        let passed = try PassedDescriptors(descriptors, for: .send, to: remote)
        do throws(OperationFailure) {
            if let address {
                try await core.sendPatiently(bytes, to: address, control: passed.control)
            } else {
                try await core.send(bytes, to: nil, control: passed.control)
            }
        } catch {
            throw core.registration.error(error, .send, remote: remote)
        }
    }

    /// Receives one message in the kernel's form.
    final func receiveMessage() async throws -> Datagram {
        do throws(OperationFailure) {
            return try await core.receive()
        } catch {
            throw core.registration.error(error, .receive, remote: remoteAddress)
        }
    }

    /// Receives one message into the caller's memory.
    final func receiveMessage(
        into buffer: inout MutableSpan<UInt8>
    ) async throws -> ReceivedUnixMessage {
        var message = ReceivedUnixMessage()
        do throws(OperationFailure) {
            var operation = Operation(.read, .standsInLine)
            while try !tryReceive(&message, into: &buffer, &operation) {
                try await operation.wait(for: core.registration)
            }
            return message
        } catch {
            throw core.registration.error(error, .receive, remote: remoteAddress)
        }
    }
}

extension UnixMessageSocket {
    private final func tryReceive(
        _ message: inout ReceivedUnixMessage,
        into buffer: inout MutableSpan<UInt8>,
        _ operation: inout Operation
    ) throws(OperationFailure) -> Bool {
        guard try operation.begins(on: core.registration) else { return false }
        let socket = core.registration.descriptor
        var excuse = ReceiveExcuse()
        var attempt: Attempt
        repeat {
            attempt = message.receive(from: socket, into: &buffer)
            if case .done = attempt, message.isNothing { attempt = core.endAttempt }
        } while core.mustRepeat(attempt, of: socket, &excuse)
        return try operation.ends(attempt, on: core.registration)
    }
}

/// The result of a call that received a message into the caller's memory.
struct ReceivedUnixMessage {
    private var count = 0
    private var length = 0
    private var source: SocketAddress?
    private var control: ReceivedControl?

    /// Whether there is nothing at all; for a packet connection that is the end.
    var isNothing: Bool { length == 0 && control == nil }

    fileprivate mutating func receive(
        from socket: CInt,
        into buffer: inout MutableSpan<UInt8>
    ) -> Attempt {
        var address = AddressStorage()
        let (transfer, control) = receiveUnixMessage(
            from: socket,
            into: &buffer,
            source: &address
        )
        guard let length = transfer.count else { return Attempt(failureOf: transfer) }
        self.length = length
        count = min(length, buffer.count)
        source = SocketAddress(address)
        self.control = control
        return .done(leaving: .unknown)
    }

    /// The header; `peer` is its source, if the socket is a connection's.
    func header(from peer: SocketAddress? = nil) throws(SocketError) -> UnixMessageHeader {
        let source = peer ?? source ?? .unixUnnamed
        let passed = PassedAlong(control)
        if let loss = passed.loss { throw SocketError(.receive, loss, remote: source) }
        return UnixMessageHeader(count: count, length: length, source: source, passed)
    }
}
