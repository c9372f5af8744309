extension Signal {
    /// The signals of some kinds that the process gets from now on.
    ///
    /// From this call on the signals do nothing else: SIGINT and SIGTERM no longer end the program,
    /// which must do it itself. Each call observes for itself, and sees each signal. When the last
    /// observer of a signal is gone (its sequence and the loops over it), what was to be done
    /// before, usually the default action, comes back.
    ///
    /// System calls go on after such a signal (`SA_RESTART`). A signal that has come and is not taken
    /// yet is counted, not lost; but of a signal that is not a real-time signal the kernel itself
    /// keeps only one on its way to the process (`signal(7)`), so of several at once one may be all
    /// that comes. Between different signals that come at once there is no order.
    ///
    /// It works with any number of threads and whatever signals they block. Should the system
    /// refuse the one thread that it needs, the sequence stays silent and signals keep their
    /// action.
    ///
    /// The corresponding system call is `sigaction(2)`.
    ///
    /// - Parameter signals: Which signals.
    /// - Returns: An asynchronous sequence of signals, which does not end by itself.
    public static func notifications(of signals: Signal...) -> SignalNotifications {
        notifications(of: signals)
    }

    /// The same for signals in a collection.
    ///
    /// - Parameter signals: Which signals.
    /// - Returns: An asynchronous sequence of signals, which does not end by itself.
    public static func notifications(of signals: some Sequence<Signal>) -> SignalNotifications {
        SignalNotifications(subscription: SignalSubscription(of: Set(signals)))
    }
}

/// The signals that the process gets, as an asynchronous sequence; see `Signal.notifications(of:)`.
///
/// Loops over the same sequence share it: each signal goes to one of them. A loop ends when its
/// task is cancelled.
public struct SignalNotifications: AsyncSequence, Sendable {
    /// A signal.
    public typealias Element = Signal
    /// Nothing makes the sequence fail.
    public typealias Failure = Never

    let subscription: SignalSubscription

    /// Takes signal after signal.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: SignalSubscription

        /// Waits for the next signal.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The signal, or nil when the task was cancelled.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async -> Signal? {
            await subscription.observer.next()
        }
    }

    /// Begins to take signals.
    ///
    /// - Returns: The iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: subscription) }
}
