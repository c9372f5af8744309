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
        switch errno.remedy {
        case .retry: return .tryAgain
        case .skip where failures < Self.mostFailures,
            .skipAtFirst where failures < Self.mostFailures:
            failures += 1
            return .tryAgain
        case .fail, .skipAtFirst: return .giveUp
        case .skip, .pause:
            defer { nextPause = min(nextPause * 2, Self.longestPause) }
            return .pause(nextPause)
        }
    }
}
