internal import SocketSystem

/// How worker processes are run.
public struct WorkerOptions: Sendable {
    /// The number of workers that run at once, at least 1; by default the number of processors.
    public var count: Int

    /// The path of the program that the workers run; nil for this very program, from its file at
    /// the time when a worker starts.
    public var executable: String?

    /// The program's arguments, without its name; nil for those of this process.
    public var arguments: [String]?

    /// Environment variables that workers have in addition to this process's own, or with other
    /// values.
    public var environment: [String: String]

    /// The time within which a new worker must report that it is ready
    /// (`ServiceManager.notify(.ready)`); otherwise it is killed. Nil if workers report nothing and
    /// count as ready when they run.
    public var readyWithin: Duration?

    /// The time that a worker may take to finish after SIGTERM, before it is killed.
    public var drain: Duration

    /// A worker that ends sooner than this, or before it is ready, has failed to start.
    public var minimumLifetime: Duration

    /// The first wait before a worker that failed to start is started again. Each further failure
    /// doubles it, up to `longestBackOff`. Other workers are started again at once.
    public var backOff: Duration

    /// The longest wait before a start.
    public var longestBackOff: Duration

    /// The number of failed starts in a row after which the supervisor gives up, if every one of
    /// the `count` workers has reached it. While at least one of them does better, the others are
    /// tried again and again, at last every `longestBackOff`.
    public var failedStarts: Int

    /// Called with each event of a worker, one after the other. It should not take long: the
    /// supervisor decides nothing else meanwhile.
    public var event: @Sendable (WorkerEvent) -> Void

    /// Creates options; parameters that are left out keep their defaults.
    ///
    /// - Parameters:
    ///   - count: The number of workers that run at once.
    ///   - readyWithin: The time within which a new worker must report that it is ready.
    ///   - drain: The time that a worker may take to finish after SIGTERM.
    ///   - event: Called with each event of a worker.
    public init(
        count: Int = 0,
        readyWithin: Duration? = nil,
        drain: Duration = .seconds(10),
        event: @escaping @Sendable (WorkerEvent) -> Void = { _ in }
    ) {
        self.count = count > 0 ? count : availableProcessors
        environment = [:]
        self.readyWithin = readyWithin
        self.drain = drain
        minimumLifetime = .seconds(1)
        backOff = .milliseconds(100)
        longestBackOff = .seconds(5)
        failedStarts = 5
        self.event = event
    }

    /// The options that matter for decisions about workers.
    var rules: Supervision.Rules {
        Supervision.Rules(
            count: count,
            readyWithin: readyWithin,
            drain: drain,
            minimumLifetime: minimumLifetime,
            backOff: backOff,
            longestBackOff: longestBackOff,
            failedStarts: failedStarts
        )
    }
}
