internal import SocketSystem

/// How worker processes are run.
public struct WorkerOptions: Sendable {
    /// How many workers run at once, at least 1; as many as there are processors by default.
    public var count: Int

    /// The path of the program that the workers run; nil for this very program, as its file is when
    /// a worker starts.
    public var executable: String?

    /// The program's arguments, without its name; nil for those of this process.
    public var arguments: [String]?

    /// Environment variables that workers have beside, or other than, this process's own.
    public var environment: [String: String]

    /// Within what time a new worker must say that it is ready (`ServiceManager.notify(.ready)`),
    /// or be killed; nil if workers say nothing and count as ready when they run.
    public var readyWithin: Duration?

    /// How long a worker may take to finish after SIGTERM, before it is killed.
    public var drain: Duration

    /// A worker that ends sooner than this, or before it is ready, has failed to start.
    public var minimumLifetime: Duration

    /// How long to wait before a worker is started again that has failed to start, at first; each
    /// further failure doubles it, up to `longestBackOff`. Others are started again at once.
    public var backOff: Duration

    /// The longest wait before a start.
    public var longestBackOff: Duration

    /// All is given up when every one of the `count` workers has failed to start so often in a row.
    /// While at least one of them does better, the others are tried again and again, at last every
    /// `longestBackOff`.
    public var failedStarts: Int

    /// Called with each thing that happens to a worker, one after the other; what it does should
    /// not take long, for nothing else is decided meanwhile.
    public var event: @Sendable (WorkerEvent) -> Void

    /// Everything as usual but what is named.
    ///
    /// - Parameters:
    ///   - count: How many workers run at once.
    ///   - readyWithin: Within what time a new worker must say that it is ready.
    ///   - drain: How long a worker may take to finish after SIGTERM.
    ///   - event: Called with each thing that happens to a worker.
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

    /// What counts for deciding about workers.
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
