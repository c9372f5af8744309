internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// What TCP and Unix listeners have in common: bound, listening sockets and how to accept from
/// them.
final class ListenerCore: Sendable {
    /// The listening sockets' memberships in their loops: one, or one for each shard.
    let shards: [Registration]
    /// The group whose loops take the connections.
    let group: EventLoopGroup
    /// Where it listens.
    let localAddress: SocketAddress
    /// Hands out the connections of all sockets; nil if there is but one.
    private let queue: AcceptQueue?
    /// Whether a connection stays on the loop that accepted it, see `ListenShards`. Without that
    /// each joins the loop that has the fewest, however many sockets there are.
    let staysOnLoop: Bool
    /// Why accepting ended, if it was neither closed nor cancelled.
    private let ended = Mutex<SocketError?>(nil)
    /// The listener that this one accepts for, see `withStandIns`.
    private let origin: ListenerCore?
    /// The listeners that this one is made of, if it is made of several.
    private let parts: [ListenerCore]

    /// One or more sockets at one address.
    init(
        shards: [Registration],
        group: EventLoopGroup,
        localAddress: SocketAddress,
        staysOnLoop: Bool = false,
        origin: ListenerCore? = nil
    ) {
        self.shards = shards
        self.origin = origin
        self.staysOnLoop = staysOnLoop
        self.group = group
        self.localAddress = localAddress
        queue = shards.count > 1 ? AcceptQueue() : nil
        parts = []
    }

    /// Several listeners, at least one, as one, which keeps them.
    init(joining parts: [ListenerCore]) {
        shards = parts.flatMap(\.shards)
        group = parts[0].group
        localAddress = parts[0].localAddress
        queue = shards.count > 1 ? AcceptQueue() : nil
        staysOnLoop = parts[0].staysOnLoop
        self.parts = parts
        origin = nil
    }

    convenience init(
        registration: Registration,
        group: EventLoopGroup,
        localAddress: SocketAddress
    ) {
        self.init(shards: [registration], group: group, localAddress: localAddress)
    }

    deinit { close() }

    /// The only listening socket, or the first.
    var registration: Registration { shards[0] }

    var isClosed: Bool { registration.isClosed }

    /// Every address where it listens.
    var localAddresses: [SocketAddress] {
        parts.isEmpty ? [localAddress] : parts.map(\.localAddress)
    }

    /// Why accepting ended by itself.
    var failure: SocketError? { ended.withLock { $0 } }

    func close() {
        for shard in shards { shard.close() }
        queue?.close()
    }

    /// Whether others may accept from its sockets.
    var isShared: Bool { shards.contains { $0.isShared } }

    /// From now on `accept` takes connections that are there already, and waits for no others.
    /// Those that wait in a queue that others share are left to them.
    func stopWaiting() {
        guard isShared else { return shards.forEach { $0.drain(.read) } }
        if let queue { queue.finish() } else { close() }
    }

    /// Takes the only socket out.
    func detach() throws(SocketError) -> CInt {
        guard shards.count == 1 else {
            throw SocketError(
                .detach,
                code: .notSupported,
                local: localAddress,
                reason: "the listener has \(shards.count) sockets"
            )
        }
        return try registration.takeOut(local: localAddress)
    }

    /// Reads an option of the first socket.
    func get<Value>(_ option: SocketOption<Value>) throws(SocketError) -> Value {
        try registration.get(option, remote: nil)
    }

    /// Sets an option of each socket.
    func set<Value>(
        _ option: SocketOption<Value>,
        to value: Value
    ) throws(SocketError) {
        for shard in shards { try shard.set(option, to: value, remote: nil) }
    }

    /// Takes a bound socket, lets it listen and registers it.
    static func listen(
        _ socket: consuming Descriptor,
        at address: SocketAddress,
        backlog: Int?,
        on group: EventLoopGroup
    ) throws(SocketError) -> ListenerCore {
        let bound = try startListening(socket.rawValue, at: address, backlog: backlog)
        let registration = try group.register(socket, for: .listen, local: bound)
        return ListenerCore(registration: registration, group: group, localAddress: bound)
    }

    /// Lets a bound socket listen; where it does.
    static func startListening(
        _ socket: CInt,
        at address: SocketAddress,
        backlog: Int?
    ) throws(SocketError) -> SocketAddress {
        do throws(Errno) {
            try listenSocket(socket, backlog: CInt(clamping: backlog ?? maximumBacklog))
            return SocketAddress(try SocketSystem.localAddress(of: socket)) ?? address
        } catch {
            throw SocketError(.listen, error, local: address)
        }
    }

    /// Waits for the next connection, whichever socket has it.
    ///
    /// Failures that concern one connection only, and lack of descriptors or memory, which passes,
    /// are dealt with here: the former by taking the next one, the latter by trying again later.
    func accept() async throws -> (Registration, peer: SocketAddress?) {
        var hindrance = AcceptHindrance()
        while true {
            do throws(OperationFailure) {
                let accepted = try await acceptNext()
                return (try await register(accepted), accepted.peer)
            } catch {
                switch hindrance.answer(to: error) {
                case .tryAgain: continue
                case .pause(let duration):
                    do throws(OperationFailure) {
                        try await registration.loop.pause(for: duration)
                    } catch {
                        throw failure(error)
                    }
                case .giveUp:
                    // Of several sockets that are one, none must stay open.
                    if error == .closed { close() }
                    let failure = failure(error)
                    if case .system = error {
                        (origin ?? self).ended.withLock { $0 = failure as? SocketError }
                    }
                    throw failure
                }
            }
        }
    }

    /// Takes an accepted connection in. While the loop has no room to watch it, for want of memory
    /// or of epoll watches, it waits; it is handed out unwatched if that ends otherwise.
    private func register(
        _ accepted: AcceptQueue.Accepted
    ) async throws(OperationFailure) -> Registration {
        var hindrance = AcceptHindrance()
        let home = staysOnLoop ? accepted.loop : nil
        while true {
            do throws(OperationFailure) {
                return try group.register(accepted: accepted.descriptor, on: home)
            } catch {
                guard case .system = error else { throw error }
                guard case .pause(let duration) = hindrance.answer(to: error),
                    (try? await accepted.loop.pause(for: duration)) != nil
                else {
                    return try group.register(accepted: accepted.descriptor, on: home, anyway: true)
                }
            }
        }
    }

    private func failure(_ failure: OperationFailure) -> any Error {
        failure.error(.accept, local: localAddress)
    }

    private func acceptNext() async throws(OperationFailure) -> AcceptQueue.Accepted {
        if let queue { return try await queue.next(of: shards, on: group) }
        var operation = Operation(.read, .standsInLine)
        while true {
            if let accepted = try tryAccept(registration, &operation) { return accepted }
            try await operation.wait(for: registration)
        }
    }

    /// The kernel cuts it down to net.core.somaxconn.
    private static var maximumBacklog: Int { Int(CInt.max) }
}
