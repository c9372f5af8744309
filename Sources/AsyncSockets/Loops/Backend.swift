internal import SocketReactor
internal import SocketSystem

extension EventLoopGroup {
    /// The system call that a group's loops wait with.
    ///
    /// All backends run the same programs with the same results. They differ in the cost of
    /// waiting, see `Documentation/Pollers.md`.
    public struct Backend: Hashable, Sendable {
        let kind: PollerBackend

        private init(_ kind: PollerBackend) { self.kind = kind }

        /// epoll(7), edge-triggered: the kernel reports each change once. The fastest.
        public static let epoll = Backend(.epoll)
        /// epoll(7), level-triggered: the kernel reports a state again as long as it lasts.
        public static let epollLevel = Backend(.epollLevel)
        /// poll(2): every wait looks at every socket that has a waiter.
        public static let poll = Backend(.poll)
        /// select(2): as poll(2), and no descriptor may be 1024 (FD_SETSIZE) or more.
        ///
        /// Opening a socket beyond that fails with `SocketError` and the code
        /// `.tooManyDescriptors`; an accepted connection fails so when it first has to wait.
        public static let select = Backend(.select)

        /// Every backend.
        public static let all: [Backend] = PollerBackend.allCases.map { Backend($0) }

        /// Finds a backend by its name, `epoll`, `epoll-level`, `poll` or `select`; nil for another
        /// name.
        ///
        /// - Parameter name: The name.
        public init?(named name: String) {
            guard let kind = PollerBackend(rawValue: name) else { return nil }
            self.init(kind)
        }

        /// The name: `epoll`, `epoll-level`, `poll` or `select`.
        public var name: String { kind.rawValue }

        /// The backends of a group that names none: the value of the environment variable
        /// `ASYNCSOCKETS_BACKEND`; otherwise the first of these that the system has and allows,
        /// which some sandboxes do not.
        static func preferred() throws(SocketError) -> [Backend] {
            guard let name = environmentVariable("ASYNCSOCKETS_BACKEND"), !name.isEmpty else {
                return [.epoll, .poll, .select]
            }
            if let backend = Backend(named: name) { return [backend] }
            throw SocketError(
                .startLoops,
                code: .invalidArgument,
                reason: "ASYNCSOCKETS_BACKEND is \"\(name)\", which is none of "
                    + all.map(\.name).joined(separator: ", ")
            )
        }
    }
}

extension EventLoopGroup.Backend: CustomStringConvertible {
    /// ``name``.
    public var description: String { name }
}
