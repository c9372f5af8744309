/// How `serve` treats its clients.
public struct ServeOptions: Sendable {
    /// How the address is listened at.
    public var listening: ListenOptions

    /// How long clients may take to finish after the server's task was cancelled.
    public var drain: Duration

    /// How many clients are served at once; nil for no limit. Further ones wait to be accepted.
    public var maximumConnections: Int?

    /// Called with what a client's handler threw, other than `CancellationError`.
    public var clientFailed: @Sendable (StreamConnection, any Error) -> Void

    /// Everything as usual but what is named.
    ///
    /// - Parameters:
    ///   - listening: How the address is listened at.
    ///   - drain: How long clients may take to finish after the server's task was cancelled.
    ///   - maximumConnections: How many clients are served at once; nil for no limit.
    ///   - clientFailed: Called with what a client's handler threw.
    public init(
        listening: ListenOptions = ListenOptions(),
        drain: Duration = .seconds(5),
        maximumConnections: Int? = nil,
        clientFailed: @escaping @Sendable (StreamConnection, any Error) -> Void = { _, _ in }
    ) {
        self.listening = listening
        self.drain = drain
        self.maximumConnections = maximumConnections
        self.clientFailed = clientFailed
    }
}
