import SocketSystem

@testable import SocketReactor

extension Registration {
    /// Waits as `Operation.ready` does, without the rest of an operation.
    func wait(_ direction: Direction) async -> WaitOutcome {
        switch beginWait(direction) {
        case .over: break
        case .suspend: await suspendCurrentTask()
        case .continue: await waitByContinuation(direction)
        }
        return endWait(direction)
    }
}
