internal import Synchronization

/// The wish that what is being cancelled finishes sooner: a second signal, see `withCancellation`.
///
/// Whatever takes its time to finish looks for it in its handler of cancellation. Such handlers run
/// inside the call that cancels, so they see the task-local value of the task that cancels. The
/// tasks that are cancelled carry nothing.
final class Impatience: Sendable {
    @TaskLocal private static var inherited: Impatience?

    private let actions = Mutex<[@Sendable () -> Void]>([])

    /// The impatience of whoever cancels the current task now; nil outside of such a call.
    static var current: Impatience? { inherited }

    /// Runs a body that cancels tasks.
    static func whileCancelling(_ impatience: Impatience, _ body: () -> Void) {
        $inherited.withValue(impatience, operation: body)
    }

    /// Says what to do when it is shown.
    func whenShown(_ action: @escaping @Sendable () -> Void) {
        actions.withLock { $0.append(action) }
    }

    /// Lets all go on to what they do at the end of their time.
    func show() {
        let actions = actions.withLock { actions in
            defer { actions = [] }
            return actions
        }
        for action in actions { action() }
    }
}
