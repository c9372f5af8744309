internal import Synchronization

/// Whether what an earlier version of the program left for this one belongs to this one.
///
/// It does from the moment when this one reports that it is ready
/// (`ServiceManager.notify(.ready)`). Until then this one may fail, and the earlier one goes on
/// with everything.
final class Handover: Sendable {
    private let isDone = Atomic(false)

    var isComplete: Bool { isDone.load(ordering: .acquiring) }

    func complete() { isDone.store(true, ordering: .releasing) }
}
