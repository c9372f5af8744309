internal import SocketReactor
internal import SocketSystem

/// What stands in the way of accepting, and what to do about it, as a pure value.
struct AcceptHindrance {
    enum Answer: Hashable {
        /// At once.
        case tryAgain
        /// And then try again.
        case pause(Duration)
        /// It will not get better.
        case giveUp
    }

    /// How many connections in a row have failed.
    private var failures = 0
    private var nextPause = Duration.milliseconds(1)

    /// So many may fail before the next: then it is no longer about each of them.
    static let mostFailures = 64
    static let longestPause = Duration.milliseconds(500)

    /// What follows a failed try.
    mutating func answer(to failure: OperationFailure) -> Answer {
        guard case .system(let errno) = failure else { return .giveUp }
        if errno.concernsOneConnection, failures < Self.mostFailures {
            failures += 1
            return .tryAgain
        }
        guard errno.concernsOneConnection || errno.meansExhaustion else { return .giveUp }
        defer { nextPause = min(nextPause * 2, Self.longestPause) }
        return .pause(nextPause)
    }
}

extension Errno {
    /// accept(2) reports what went wrong with a connection before it was accepted, and firewalls
    /// have their say: the next connection may be fine.
    fileprivate var concernsOneConnection: Bool {
        switch self {
        case .connectionAborted, .protocolError, .notPermitted, .networkDown, .hostDown,
            .hostUnreachable, .networkUnreachable, .noNetwork, .noSuchOption, .notSupported,
            .timedOut, .connectionReset:
            true
        default: false
        }
    }

    /// The process, the system or the poller has no room for another descriptor now.
    fileprivate var meansExhaustion: Bool {
        switch self {
        case .processDescriptorLimit, .systemDescriptorLimit, .noBufferSpace, .noMemory: true
        default: false
        }
    }
}
