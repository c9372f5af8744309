/// An event of a worker process.
public struct WorkerEvent: Hashable, Sendable, CustomStringConvertible {
    /// The kind of an event.
    public struct Kind: Hashable, Sendable {
        let name: String

        private init(_ name: String) { self.name = name }

        /// The worker runs.
        public static let started = Kind("started")
        /// The worker serves.
        public static let ready = Kind("ready")
        /// Another process reported for the worker that it is ready, which does not count; `detail`
        /// says which.
        public static let unheard = Kind("was not heard")
        /// The worker was asked to finish.
        public static let leaving = Kind("leaving")
        /// The worker has ended; `detail` says how.
        public static let ended = Kind("ended")
        /// The worker is killed, because it was not ready or did not finish in time.
        public static let killed = Kind("killed")
        /// A signal could not be sent to the worker; `detail` says why.
        public static let unreachable = Kind("cannot be signalled")
        /// A worker could not be started; `detail` says why.
        public static let failed = Kind("failed to start")
    }

    /// The kind of the event.
    public let kind: Kind

    /// The worker's process; nil if none could be started.
    public let process: CInt?

    /// More about it, if there is more to say.
    public let detail: String?

    init(_ kind: Kind, _ process: CInt?, _ detail: String? = nil) {
        self.kind = kind
        self.process = process
        self.detail = detail
    }

    /// `worker 4711 ended: exit status 1`
    public var description: String {
        let subject = process.map { "worker \($0)" } ?? "worker"
        return "\(subject) \(kind.name)" + (detail.map { ": \($0)" } ?? "")
    }
}
