internal import SocketSystem

/// A piece of data that arrived over a Unix socket, with what was passed with it.
public struct UnixMessage: Sendable {
    /// The bytes.
    public var bytes: [UInt8]

    /// The descriptors that were passed with it, in the sender's order, close-on-exec. Each is
    /// closed when the last reference to it is gone.
    public var descriptors: [OwnedDescriptor]

    /// The sender's credentials; nil unless the socket has the option `receiveCredentials`
    /// (SO_PASSCRED).
    public var credentials: UnixCredentials?

    /// A pidfd of the sender; nil unless the socket asks for one (SO_PASSPIDFD, `socket(7)`).
    public var sender: OwnedDescriptor?

    /// The sender's address: a datagram's source, a connection's peer. Most clients have no name.
    public var source: SocketAddress

    /// Makes a message that no socket received, for example to test a program's handling.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - descriptors: The descriptors that were passed with it.
    ///   - credentials: The sender's credentials.
    ///   - sender: A pidfd of the sender.
    ///   - source: The sender's address.
    public init(
        _ bytes: [UInt8],
        descriptors: [OwnedDescriptor] = [],
        credentials: UnixCredentials? = nil,
        sender: OwnedDescriptor? = nil,
        source: SocketAddress = .unixUnnamed
    ) {
        self.bytes = bytes
        self.descriptors = descriptors
        self.credentials = credentials
        self.sender = sender
        self.source = source
    }

    init(_ bytes: [UInt8], _ passed: PassedAlong, source: SocketAddress) {
        self.init(
            bytes,
            descriptors: passed.descriptors,
            credentials: passed.credentials,
            sender: passed.sender,
            source: source
        )
    }

    /// Makes a message from a datagram that was received whole. From here on every descriptor has
    /// its own owner.
    ///
    /// - Throws: `.descriptorsLost` if the kernel could not deliver all; those that arrived are
    ///   closed.
    init(_ datagram: Datagram, source: SocketAddress) throws(SocketError) {
        let passed = PassedAlong(datagram.control)
        if let loss = passed.loss { throw SocketError(.receive, loss, remote: source) }
        self.init(datagram.bytes, passed, source: source)
        guard datagram.truncated else { return }
        throw SocketError(
            .receive,
            code: .messageTooLong,
            remote: source,
            reason: "\(datagram.length) bytes, of which \(datagram.bytes.count) were received"
        )
    }

    /// The largest number of descriptors that the kernel passes with one message.
    public static var maximumDescriptors: Int { ControlMessage.maximumRights }
}

/// A received Unix message without its bytes, which are in the caller's buffer.
public struct UnixMessageHeader: Sendable {
    /// The number of bytes of the buffer that are the message's; 0 for an empty one.
    public let count: Int

    /// The number of bytes that were sent: more than `count` if the buffer was too small.
    public let length: Int

    /// The sender's address: a datagram's source, a connection's peer.
    public let source: SocketAddress

    /// The descriptors that were passed with it; see ``UnixMessage/descriptors``.
    public let descriptors: [OwnedDescriptor]

    /// The sender's credentials; see ``UnixMessage/credentials``.
    public let credentials: UnixCredentials?

    /// A pidfd of the sender; see ``UnixMessage/sender``.
    public let sender: OwnedDescriptor?

    /// Whether only the beginning of the message is in the buffer. The rest is lost.
    public var truncated: Bool { length > count }

    init(count: Int, length: Int, source: SocketAddress, _ passed: PassedAlong) {
        self.count = count
        self.length = length
        self.source = source
        descriptors = passed.descriptors
        credentials = passed.credentials
        sender = passed.sender
    }
}

/// The identity of a process; the kernel vouches for it.
public struct UnixCredentials: Hashable, Sendable {
    /// The process, in the reader's PID namespace; 0 if it is not visible there.
    ///
    /// By the time the number is used, it may belong to another process; a pidfd does not have this
    /// problem.
    public let processID: Int32

    /// The effective user.
    public let userID: UInt32

    /// The effective group.
    public let groupID: UInt32

    /// Makes credentials, for example for a comparison.
    ///
    /// - Parameters:
    ///   - processID: The process.
    ///   - userID: The effective user.
    ///   - groupID: The effective group.
    public init(processID: Int32, userID: UInt32, groupID: UInt32) {
        self.processID = processID
        self.userID = userID
        self.groupID = groupID
    }

    init(_ credentials: ProcessCredentials) {
        processID = credentials.process
        userID = credentials.user
        groupID = credentials.group
    }
}

// MARK: - Sending

/// Descriptors to be passed, in the system call's form; they are kept open meanwhile.
struct PassedDescriptors: ~Copyable {
    private let owners: [OwnedDescriptor]
    /// The control data; empty if nothing is passed.
    let control: [UInt8]

    /// - Throws: If there are too many, or one is closed.
    init(
        _ descriptors: [OwnedDescriptor],
        for operation: SocketError.Operation,
        to remote: SocketAddress?
    ) throws(SocketError) {
        guard descriptors.count <= UnixMessage.maximumDescriptors else {
            throw SocketError(
                operation,
                code: .limitExceeded,
                remote: remote,
                reason: "\(descriptors.count) descriptors, of which one message carries at most "
                    + "\(UnixMessage.maximumDescriptors)"
            )
        }
        guard let numbers = OwnedDescriptor.beginUses(of: descriptors) else {
            throw SocketError(
                operation,
                code: .badDescriptor,
                remote: remote,
                reason: "a descriptor to be passed is closed"
            )
        }
        owners = descriptors
        var builder = ControlBuilder()
        if !numbers.isEmpty { builder.append(rights: numbers) }
        control = builder.bytes
    }

    deinit { OwnedDescriptor.endUses(of: owners) }
}
