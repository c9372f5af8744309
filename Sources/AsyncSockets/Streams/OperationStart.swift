internal import SocketReactor

/// How far an operation came that was tried by a synchronous function: that saves the asynchronous
/// one, which costs as much as a system call.
@usableFromInline
enum OperationStart: Sendable {
    /// It is done.
    case done
    /// The turn is held; the kernel has no room, or nothing has arrived.
    case mustWait
    /// Another task holds the turn.
    case contended
    /// The turn is held; others must have the thread first.
    case givesWay

    /// What is left of an operation that was let go.
    init(_ rest: OperationRest) {
        self =
            switch rest {
            case .waits: .mustWait
            case .contended: .contended
            case .givesWay: .givesWay
            }
    }

    /// How the operation goes on.
    var rest: OperationRest {
        switch self {
        case .done, .mustWait: .waits
        case .contended: .contended
        case .givesWay: .givesWay
        }
    }
}
