package import SocketSystem

/// What to do about an error of a system call: one table for every operation.
package enum Remedy: Hashable, Sendable {
    /// Call again at once.
    case retry
    /// The process, the system or the poller has no room now: call again a little later.
    case pause
    /// It concerns one connection that was about to be accepted: take the next one.
    case skip
    /// It does so if a firewall says it; if it is said again and again, a sandbox does, which never
    /// changes its mind.
    case skipAtFirst
    /// It will not get better.
    case fail
}

extension Errno {
    package var remedy: Remedy {
        switch self {
        case .interrupted: .retry
        case .processDescriptorLimit, .systemDescriptorLimit, .noBufferSpace, .noMemory, .noSpace:
            .pause
        // accept(2) reports what went wrong with a connection before it was accepted.
        case .connectionAborted, .connectionReset, .timedOut, .protocolError, .networkDown,
            .networkUnreachable, .hostDown, .hostUnreachable, .noNetwork:
            .skip
        case .notPermitted, .noSuchOption, .notSupported: .skipAtFirst
        default: .fail
        }
    }
}
