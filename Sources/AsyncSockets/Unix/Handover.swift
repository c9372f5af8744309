internal import Synchronization

/// Whether the files of Unix sockets that another process has handed over belong to this process.
///
/// They do from `complete()` on. Until then the other process removes them, and this process leaves
/// them alone.
package final class Handover: Sendable {
    private let isDone = Atomic(false)

    package init() {}

    var isComplete: Bool { isDone.load(ordering: .acquiring) }

    /// Makes the files this process's.
    package func complete() { isDone.store(true, ordering: .releasing) }
}
