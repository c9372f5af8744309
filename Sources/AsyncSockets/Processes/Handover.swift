internal import Synchronization

/// Whether what an earlier version of the program has left for this one is this one's.
///
/// It is from the moment on when this one says that it is ready (`ServiceManager.notify(.ready)`):
/// until then it may fail, and the earlier one goes on with everything.
final class Handover: Sendable {
    private let isDone = Atomic(false)

    var isComplete: Bool { isDone.load(ordering: .acquiring) }

    func complete() { isDone.store(true, ordering: .releasing) }
}
