internal import SocketSystem

/// What came with the bytes of a Unix message. Each descriptor has its own owner.
struct PassedAlong: Sendable {
    /// The descriptors, in the sender's order.
    var descriptors: [OwnedDescriptor] = []
    /// The sender's credentials, if the socket asked for them.
    var credentials: UnixCredentials?
    /// A pidfd of the sender, if the socket asked for one.
    var sender: OwnedDescriptor?
    /// The reason why descriptors that were sent are missing; nil if none is missing.
    var loss: Loss?

    /// A reason why descriptors are missing.
    enum Loss: Sendable {
        /// This process has no descriptor number left.
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

    /// Makes an empty value.
    init() {}

    /// Takes what a system call delivered. If the kernel could not deliver all descriptors, the
    /// delivered ones are closed: a program that gets only some could mistake one for another.
    init(_ control: ReceivedControl?) {
        guard let control else { return }
        sender = control.takeProcessDescriptor().map { OwnedDescriptor(passed: $0) }
        credentials = control.credentials.map { UnixCredentials($0) }
        let numbers = control.takeDescriptors()
        let owners = numbers.map { OwnedDescriptor(passed: $0) }
        if control.isTruncated {
            loss = .processLimit
        } else {
            descriptors = owners
        }
    }

    /// Whether both have nothing but the sender, and the sender is the same process.
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

    /// Removes the sender: no single process sent the whole message.
    mutating func forgetSender() { (credentials, sender) = (nil, nil) }
}

extension SocketError {
    /// The error of lost descriptors.
    init(_ operation: Operation, _ loss: PassedAlong.Loss, remote: SocketAddress?) {
        self.init(operation, code: .descriptorsLost, remote: remote, reason: loss.reason)
    }
}
