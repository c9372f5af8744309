internal import SocketSystem

/// What came beside the bytes of a Unix message; each descriptor has an owner of its own.
struct PassedAlong: Sendable {
    /// The descriptors, in the sender's order.
    var descriptors: [OwnedDescriptor] = []
    /// Who sent the bytes, where the socket asks for that.
    var credentials: UnixCredentials?
    /// A pidfd of the sender, where the socket asks for one.
    var sender: OwnedDescriptor?
    /// Why descriptors that were sent are not here.
    var loss: Loss?

    /// Why descriptors are missing.
    enum Loss: Sendable {
        /// This process has no number left.
        case processLimit
        /// More came than one read may hold.
        case tooMany

        fileprivate var reason: String {
            switch self {
            case .processLimit:
                "descriptors that came with the message could not be received: "
                    + "the process's descriptor limit (ulimit -n) is reached"
            case .tooMany:
                "more than \(UnixMessage.maximumDescriptors) descriptors came for one read; "
                    + "those of the last message were closed"
            }
        }
    }

    /// Nothing came.
    init() {}

    /// Takes what a system call delivered. Where the kernel could not deliver all descriptors, the
    /// rest is closed: who got a part would take one for another.
    init(_ control: ReceivedControl?) {
        guard let control else { return }
        sender = control.takeProcessDescriptor().map { OwnedDescriptor(adopting: $0) }
        credentials = control.credentials.map { UnixCredentials($0) }
        let numbers = control.takeDescriptors()
        let owners = numbers.map { OwnedDescriptor(adopting: $0) }
        if control.isTruncated {
            loss = .processLimit
        } else {
            descriptors = owners
        }
    }

    /// Whether both know no more than who sent them, and that it was the same process.
    func saysTheSame(as other: PassedAlong) -> Bool {
        let areBare = descriptors.isEmpty && other.descriptors.isEmpty
        let areWhole = loss == nil && other.loss == nil
        return areBare && areWhole && credentials != nil && credentials == other.credentials
    }

    /// Adds what came with later bytes of the same message.
    mutating func add(_ other: PassedAlong, isFirst: Bool) {
        descriptors += other.descriptors
        if isFirst {
            (credentials, sender) = (other.credentials, other.sender)
        } else if credentials == nil || credentials != other.credentials {
            forgetSender()
        }
    }

    /// No one process sent all of the message.
    mutating func forgetSender() { (credentials, sender) = (nil, nil) }
}

extension SocketError {
    /// Descriptors that came were lost.
    init(_ operation: Operation, _ loss: PassedAlong.Loss, remote: SocketAddress?) {
        self.init(operation, code: .descriptorsLost, remote: remote, reason: loss.reason)
    }
}
