import SocketSystem

@testable import SocketReactor

extension Registration {
    /// Waits as `Operation.ready` does, without the rest of an operation.
    func wait(_ direction: Direction) async -> WaitOutcome {
        let wait = beginWait(direction)
        switch wait.next {
        case .over: break
        case .suspend: await suspendCurrentTask()
        case .continuation: await waitByContinuation(direction)
        }
        return endWait(wait, direction)
    }
}
