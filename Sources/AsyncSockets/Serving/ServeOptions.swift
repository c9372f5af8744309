/// How `serve` treats its clients.
public struct ServeOptions: Sendable {
    /// How the address is listened at.
    public var listening: ListenOptions

    /// How long clients may take to finish after the server's task was cancelled.
    public var drain: Duration

    /// How many clients are served at once; nil for no limit. Further ones wait to be accepted.
    public var maximumConnections: Int?

    /// How many clients of one IP address are served at once; nil for no limit. A further one is
    /// closed as soon as it is accepted, and `clientFailed` is told with the code
    /// `.limitExceeded`: left waiting, it would hold up everybody behind it.
    public var maximumConnectionsPerPeer: Int?

    /// Called with what a client's handler threw, other than `CancellationError`, and other than
    /// the peer's leaving in the middle (see `reportsResets`).
    public var clientFailed: @Sendable (StreamConnection, any Error) -> Void

    /// Whether `clientFailed` is told, too, of clients that reset their connection or left before
    /// all was sent: `.connectionReset` and `.brokenPipe`. On the open network that is everyday.
    public var reportsResets: Bool

    /// Everything as usual but what is named.
    ///
    /// - Parameters:
    ///   - listening: How the address is listened at.
    ///   - drain: How long clients may take to finish after the server's task was cancelled.
    ///   - maximumConnections: How many clients are served at once; nil for no limit.
    ///   - maximumConnectionsPerPeer: How many clients of one IP address are served at once; nil
    ///     for no limit.
    ///   - reportsResets: Whether `clientFailed` is told of resets by peers.
    ///   - clientFailed: Called with what a client's handler threw.
    public init(
        listening: ListenOptions = ListenOptions(),
        drain: Duration = .seconds(5),
        maximumConnections: Int? = nil,
        maximumConnectionsPerPeer: Int? = nil,
        reportsResets: Bool = false,
        clientFailed: @escaping @Sendable (StreamConnection, any Error) -> Void = { _, _ in }
    ) {
        self.listening = listening
        self.drain = drain
        self.maximumConnections = maximumConnections
        self.maximumConnectionsPerPeer = maximumConnectionsPerPeer
        self.reportsResets = reportsResets
        self.clientFailed = clientFailed
    }

    /// Refuses limits that would let nobody in, for ever.
    func check() throws(SocketError) {
        let limits = [
            ("maximumConnections", maximumConnections),
            ("maximumConnectionsPerPeer", maximumConnectionsPerPeer),
        ]
        for case (let name, let limit?) in limits where limit < 1 {
            throw SocketError(
                .listen,
                code: .invalidArgument,
                reason: "\(name) = \(limit) lets no client in"
            )
        }
    }
}
