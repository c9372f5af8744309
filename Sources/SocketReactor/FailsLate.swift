internal import SocketSystem

/// Whether a registration is made although the poller cannot watch its descriptor.
package enum FailsLate: Sendable {
    case never
    /// Not for want of what may soon be had: memory, or an epoll watch.
    case unlessPassing
    case always

    func covers(_ error: Errno) -> Bool {
        switch self {
        case .never: false
        case .unlessPassing: error != .noMemory && error != .noSpace
        case .always: true
        }
    }
}
