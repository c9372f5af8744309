internal import SocketReactor

/// Serves clients at an address until the task is cancelled: each client is a child task.
///
/// ```swift
/// try await serve(at: "127.0.0.1:9999") { connection in
///     for try await chunk in connection {
///         try await connection.write(chunk)
///     }
/// }
/// ```
///
/// The handlers run on the event loops (see `withEventLoops`), so they must not block their
/// thread. When a handler returns or throws, its connection is closed; no client's error touches
/// another client. What a handler throws goes to `options.clientFailed`, which does nothing unless
/// you give one.
///
/// The connections are of the kind that the address asks for. Serve a `TCPListener` or a
/// `UnixListener` for what only one of them has.
///
/// At a Unix address no descriptors can be passed to the connections unless `options.listening`
/// says so. Serve a `UnixListener` to take some.
///
/// Cancelling the task drains the server: nobody is accepted any more, what clients have sent can
/// still be read and answered, and a read that would have to wait for more throws
/// `CancellationError`. Who has not finished after `options.drain` is cancelled.
///
/// - Parameters:
///   - address: Where to listen: `127.0.0.1:80`, `[::]:80`, `unix:/path`, `unix:@name`; or a name,
///     `localhost:80`, which means all of its addresses.
///   - options: How clients are treated.
///   - group: The loops that serve.
///   - ready: Called once, when clients can connect, with the address that is listened at.
///   - handler: Serves one client.
/// - Throws: `SocketError` where the address cannot be listened at, or accepting fails for good;
///   `.invalidArgument` for a limit of `options` that lets nobody in. It is no error to be
///   cancelled: `serve` returns when the last client is done.
public func serve(
    at address: String,
    options: ServeOptions = ServeOptions(),
    on group: EventLoopGroup = .shared,
    ready: @Sendable (SocketAddress) -> Void = { _ in },
    _ handler: @escaping @Sendable @concurrent (StreamConnection) async throws -> Void
) async throws(SocketError) {
    let endpoint = try Endpoint(address)
    if case .address(let address) = endpoint.host, address.family == .unix {
        try await serve(at: address, options: options, on: group, ready: ready, handler)
    } else if let listener = try await bindUnlessCancelled(endpoint, options.listening, group) {
        ready(listener.localAddress)
        try await serve(listener, options: options, on: group, handler)
    }
}

/// Serves clients at an address until the task is cancelled; see `serve(at:options:on:ready:_:)`
/// of a text.
///
/// - Parameters:
///   - address: Where to listen.
///   - options: How clients are treated.
///   - group: The loops that serve.
///   - ready: Called once, when clients can connect, with the address that is listened at.
///   - handler: Serves one client.
/// - Throws: As for a text.
public func serve(
    at address: SocketAddress,
    options: ServeOptions = ServeOptions(),
    on group: EventLoopGroup = .shared,
    ready: @Sendable (SocketAddress) -> Void = { _ in },
    _ handler: @escaping @Sendable @concurrent (StreamConnection) async throws -> Void
) async throws(SocketError) {
    if address.family == .unix {
        let listener = try UnixListener.bind(to: address, options: options.listening, on: group)
        ready(listener.localAddress)
        try await serve(listener, options: options, on: group, handler)
    } else {
        let listener = try TCPListener.bind(to: address, options: options.listening, on: group)
        ready(listener.localAddress)
        try await serve(listener, options: options, on: group, handler)
    }
}

/// Nil where the task was cancelled while a name was looked up: then there is nobody to serve.
private func bindUnlessCancelled(
    _ endpoint: Endpoint,
    _ options: ListenOptions,
    _ group: EventLoopGroup
) async throws(SocketError) -> TCPListener? {
    do {
        return try await .bind(to: endpoint, options: options, resolver: .system, on: group)
    } catch {
        if let error = error as? SocketError { throw error }
        return nil
    }
}

/// Serves the clients of a listener until it is closed or the task is cancelled; see
/// `serve(at:options:on:ready:_:)`.
///
/// - Parameters:
///   - listener: Whose clients. It is closed at the end.
///   - options: How clients are treated; `listening` has no meaning here.
///   - group: The loops that the handlers run on; nil for those of the listener.
///   - handler: Serves one client.
/// - Throws: `SocketError` where accepting fails for good, `.timedOut` among it where `serve` is in
///   a `withTimeout`: the clients are drained before, as when the task is cancelled.
///   `.invalidArgument` for a limit of `options` that lets nobody in.
public func serve<Listener: StreamListener>(
    _ listener: Listener,
    options: ServeOptions = ServeOptions(),
    on group: EventLoopGroup? = nil,
    _ handler: @escaping @Sendable @concurrent (Listener.Element) async throws -> Void
) async throws(SocketError) {
    try await serveClients(
        of: Acceptors(of: listener),
        options: options,
        on: group ?? (listener as? any GroupMember)?.group ?? .shared,
        clientFailed: options.clientFailed,
        handler
    )
}

/// What `serve` does for every kind of connection.
///
/// - Parameters:
///   - acceptors: What accepts clients.
///   - options: How clients are treated.
///   - group: The loops that the handlers run on.
///   - clientFailed: Told of what a handler threw.
///   - handler: Serves one client.
/// - Throws: As `serve(_:options:on:_:)`.
func serveClients<Connection: ServedConnection>(
    of acceptors: Acceptors<Connection>,
    options: ServeOptions,
    on group: EventLoopGroup,
    clientFailed: @escaping @Sendable (Connection, any Error) -> Void,
    _ handler: @escaping @Sendable @concurrent (Connection) async throws -> Void
) async throws(SocketError) {
    defer { acceptors.close() }
    try options.check()
    let clients = ClientList(options)
    let drain = Drain(for: options.drain, on: group) {
        acceptors.leave()
        clients.drain()
    } settle: {
        clients.settle()
    }
    let serving = ClientServing(
        clients: clients,
        drain: drain,
        reportsResets: options.reportsResets,
        failed: clientFailed,
        handler: handler
    )
    // Not a child task: it must outlive the cancellation of this one until the clients are done.
    let server = Task(executorPreference: group.taskExecutor) {
        await withDiscardingTaskGroup { tasks in
            for _ in 0..<acceptors.count {
                tasks.addTask { await serving.acceptClients(of: acceptors) }
            }
        }
    }
    drain.ends { server.cancel() }
    await withTaskCancellationHandler {
        await server.value
    } onCancel: {
        drain.begin()
    }
    drain.finish()
    if let failure = drain.failure { throw failure }
}

extension StreamListener {
    /// Serves this listener's clients; the same as `serve(_:options:on:_:)`.
    ///
    /// - Parameters:
    ///   - options: How clients are treated; `listening` has no meaning here.
    ///   - group: The loops that the handlers run on; nil for those of the listener.
    ///   - handler: Serves one client.
    /// - Throws: As `serve(_:options:on:_:)`.
    public func serve(
        options: ServeOptions = ServeOptions(),
        on group: EventLoopGroup? = nil,
        _ handler: @escaping @Sendable @concurrent (Element) async throws -> Void
    ) async throws(SocketError) {
        try await AsyncSockets.serve(self, options: options, on: group, handler)
    }
}

/// A connection that can be served.
protocol ServedConnection: AnyObject, Sendable {
    var registration: Registration { get }
    var remoteAddress: SocketAddress? { get }
    func close()
}

extension StreamConnection: ServedConnection {}

/// How each client is served. What the frames of a client's task hold decides whether an idle
/// client takes another kilobyte. So this is an object, of which the task keeps one reference, and
/// what does not wait has functions of its own.
private final class ClientServing<Connection: ServedConnection>: Sendable {
    let clients: ClientList
    let drain: Drain
    let reportsResets: Bool
    let failed: @Sendable (Connection, any Error) -> Void
    let handler: @Sendable @concurrent (Connection) async throws -> Void

    init(
        clients: ClientList,
        drain: Drain,
        reportsResets: Bool,
        failed: @escaping @Sendable (Connection, any Error) -> Void,
        handler: @escaping @Sendable @concurrent (Connection) async throws -> Void
    ) {
        self.clients = clients
        self.drain = drain
        self.reportsResets = reportsResets
        self.failed = failed
        self.handler = handler
    }

    func acceptClients(of acceptors: Acceptors<Connection>) async {
        await withDiscardingTaskGroup { tasks in
            defer { acceptors.end() }
            while true {
                await clients.reserve()
                let connection: Connection
                do {
                    connection = try await acceptors.accept()
                } catch {
                    clients.cancelReservation()
                    // Closed, or there is nobody else while it drains; or what ends the whole.
                    if let error = error as? SocketError, error.code != .closed {
                        drain.begin(error)
                    }
                    break
                }
                switch clients.add(connection) {
                case .client(let ticket):
                    tasks.addTask { await self.serve(connection, ticket) }
                case .tooManyOfPeer(let error):
                    connection.close()
                    failed(connection, error)
                }
            }
        }
    }

    private func serve(_ connection: Connection, _ ticket: UInt64) async {
        connection.registration.own()
        do {
            // One for all waits of the client's task; nobody waits for its connection afterwards.
            try await withTaskCancellationHandler {
                try await handler(connection)
            } onCancel: {
                connection.registration.drain(.read)
                connection.registration.drain(.write)
            }
        } catch {
            report(error, of: connection)
        }
        end(connection, ticket)
    }

    @inline(never)
    private func end(_ connection: Connection, _ ticket: UInt64) {
        connection.registration.disown()
        connection.close()
        clients.remove(ticket)
    }

    @inline(never)
    private func report(_ error: any Error, of connection: Connection) {
        // Then the server is leaving.
        if error is CancellationError { return }
        let code = (error as? SocketError)?.code
        let isReset = code == .connectionReset || code == .brokenPipe
        if !isReset || reportsResets { failed(connection, error) }
    }
}
