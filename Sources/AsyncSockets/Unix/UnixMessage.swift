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

    /// A datagram's source; nil where the sender has no name, and for connected sockets.
    public var source: SocketAddress?

    init(bytes: [UInt8]) {
        self.bytes = bytes
        descriptors = []
    }

    /// Takes what a system call delivered: from here on every descriptor has an owner.
    init(_ receipt: UnixReceipt, source: SocketAddress? = nil) {
        bytes = receipt.bytes
        descriptors = receipt.ancillary.descriptors.map { OwnedDescriptor(adopting: $0) }
        sender = receipt.ancillary.processDescriptor.map { OwnedDescriptor(adopting: $0) }
        credentials = receipt.ancillary.credentials.map { UnixCredentials($0) }
        self.source = source
    }

    /// The most descriptors that the kernel passes with one message.
    public static var maximumDescriptors: Int { Ancillary.maximumDescriptors }
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

    init(_ credentials: ProcessCredentials) {
        processID = credentials.process
        userID = credentials.user
        groupID = credentials.group
    }
}

// MARK: - Sending

/// Fails where a message cannot carry so many descriptors.
func checkPassing(
    _ descriptors: [OwnedDescriptor],
    _ operation: SocketError.Operation,
    remote: SocketAddress?
) throws(SocketError) {
    guard descriptors.count > UnixMessage.maximumDescriptors else { return }
    throw SocketError(
        operation,
        code: .limitExceeded,
        remote: remote,
        reason: "\(descriptors.count) descriptors, of which one message carries at most "
            + "\(UnixMessage.maximumDescriptors)"
    )
}

/// One try to send a message with descriptors.
func sendUnix(
    _ bytes: Span<UInt8>,
    passing descriptors: [OwnedDescriptor],
    to destination: AddressStorage? = nil,
    with socket: CInt
) -> Transfer? {
    if descriptors.isEmpty {
        return sendUnixMessage(bytes, passing: [], to: destination, with: socket)
    }
    // A span cannot be captured, so the numbers come out; their owners stay in use by name.
    return OwnedDescriptor.withDescriptors(descriptors) { numbers in
        sendUnixMessage(bytes, passing: numbers, to: destination, with: socket)
    }
}

// MARK: - Truncation

/// The error of a message whose control data the kernel could not deliver.
func descriptorsLost(
    _ operation: SocketError.Operation,
    remote: SocketAddress?
) -> SocketError {
    SocketError(
        operation,
        code: .descriptorsLost,
        remote: remote,
        reason: "descriptors that came with the message could not be received: "
            + "the process's descriptor limit (ulimit -n) is reached"
    )
}
