extension Signal {
    /// Observes signals that the process gets from now on.
    ///
    /// From this call on the signals do nothing else: SIGINT and SIGTERM no longer end the program,
    /// which must do it itself. Each call observes independently, and sees each signal. When the
    /// last observer of a signal is gone (its sequence and the loops over it), the signal's earlier
    /// disposition comes back, usually the default action.
    ///
    /// System calls go on after such a signal (`SA_RESTART`). A signal that has come and is not
    /// taken yet is counted, not lost. But the kernel itself keeps only one pending instance of a
    /// signal that is not a real-time signal (`signal(7)`), so several at once may arrive as one.
    /// Different signals that come at once have no order.
    ///
    /// SIGHUP, SIGINT and SIGQUIT stay ignored if they are ignored when the first observer comes,
    /// and are not observed: `nohup(1)` and a shell's `&` ask for that.
    ///
    /// It works with any number of threads and whatever signals they block. If the system refuses
    /// the thread that it needs, the sequence stays silent, and signals keep their disposition;
    /// `failure` says so.
    ///
    /// The corresponding system call is `sigaction(2)`.
    ///
    /// - Parameter signals: The signals to observe.
    /// - Returns: An asynchronous sequence of signals, which does not end by itself.
    public static func notifications(of signals: Signal...) -> SignalNotifications {
        notifications(of: signals)
    }

    /// Observes the signals in a collection; otherwise the same.
    ///
    /// - Parameter signals: The signals to observe.
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
    /// The sequence never fails.
    public typealias Failure = Never

    let subscription: SignalSubscription

    /// The reason why no signal is observed: the system refuses a thread. Nil if all is well.
    public var failure: SocketError? { subscription.failure }

    /// Takes one signal after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: SignalSubscription

        /// Waits for the next signal.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The signal; nil if the task was cancelled.
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
