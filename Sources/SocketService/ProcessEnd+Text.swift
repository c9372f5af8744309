internal import SocketSystem

extension ProcessEnd {
    /// The end of a sentence.
    var text: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .killed(let signal): "killed by \(signal.name)"
        case .unknown: "nobody knows how"
        }
    }
}
