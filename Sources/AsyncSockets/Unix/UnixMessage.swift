internal import SocketSystem

/// What arrived over a Unix socket in one piece, with what was passed along.
public struct UnixMessage: Sendable {
    /// The bytes.
    public var bytes: [UInt8]

    /// The descriptors that were passed with it, in the sender's order, close-on-exec. They are
    /// closed when nobody refers to them any more.
    public var descriptors: [OwnedDescriptor]

    /// Who sent it; nil unless the socket has the option `receiveCredentials` (SO_PASSCRED).
    public var credentials: UnixCredentials?

    /// A pidfd of the sender; nil unless the socket asks for one (SO_PASSPIDFD, `socket(7)`).
    public var sender: OwnedDescriptor?

    /// Who sent it: a datagram's source, a connection's peer. Most clients have no name.
    public var source: SocketAddress

    /// A message that no socket received, such as for a test of what a program does with one.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - descriptors: The descriptors that were passed with it.
    ///   - credentials: Who sent it.
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

    /// Takes a message that was received whole: from here on every descriptor has an owner of its
    /// own.
    ///
    /// - Throws: `.descriptorsLost` where the kernel could not deliver all; the rest is closed.
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

    /// The most descriptors that the kernel passes with one message.
    public static var maximumDescriptors: Int { ControlMessage.maximumRights }
}

/// All of a received Unix message but its bytes, which are in the caller's buffer.
public struct UnixMessageHeader: Sendable {
    /// How many bytes of the buffer are the message's; 0 for an empty one.
    public let count: Int

    /// How many bytes were sent: more than `count` where the buffer was too small.
    public let length: Int

    /// Who sent it: a datagram's source, a connection's peer.
    public let source: SocketAddress

    /// The descriptors that were passed with it; see ``UnixMessage/descriptors``.
    public let descriptors: [OwnedDescriptor]

    /// Who sent it; see ``UnixMessage/credentials``.
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

/// Who a process is, as the kernel vouches for it.
public struct UnixCredentials: Hashable, Sendable {
    /// The process, in the reader's PID namespace; 0 where it is not visible there.
    ///
    /// The number may mean another process by the time it is looked at; a pidfd does not.
    public let processID: Int32

    /// The effective user.
    public let userID: UInt32

    /// The effective group.
    public let groupID: UInt32

    /// Who a process might be.
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

/// Descriptors to be passed, as the system call wants them, kept open meanwhile.
struct PassedDescriptors: ~Copyable {
    private let owners: [OwnedDescriptor]
    /// The control data; empty where nothing is passed.
    let control: [UInt8]

    /// - Throws: Where there are too many, or one is closed.
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
