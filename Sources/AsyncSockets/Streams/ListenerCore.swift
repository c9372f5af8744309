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
    /// Tells which shard has a connection; nil where there is but one.
    private let readyShards: ReadyShards?
    /// Whether a connection stays on the loop that accepted it, see `ListenShards`. Without that
    /// each joins the loop that has the fewest, however many sockets there are.
    private let staysOnLoop: Bool
    /// Why accepting ended, if it was neither closed nor cancelled.
    private let ended = Mutex<SocketError?>(nil)
    /// The listeners that this one is made of, if it is made of several.
    private let parts: [ListenerCore]

    /// One or more sockets at one address.
    init(
        shards: [Registration],
        group: EventLoopGroup,
        localAddress: SocketAddress,
        staysOnLoop: Bool = false
    ) {
        self.shards = shards
        self.staysOnLoop = staysOnLoop
        self.group = group
        self.localAddress = localAddress
        readyShards = shards.count > 1 ? ReadyShards(shards, on: group) : nil
        parts = []
    }

    /// Several listeners, at least one, as one, which keeps them.
    init(joining parts: [ListenerCore]) {
        shards = parts.flatMap(\.shards)
        group = parts[0].group
        localAddress = parts[0].localAddress
        readyShards = shards.count > 1 ? ReadyShards(shards, on: group) : nil
        staysOnLoop = parts[0].staysOnLoop
        self.parts = parts
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
    func accept() async throws -> (Registration, peer: SocketAddress?) {
        try await accept(from: readyShards == nil ? registration : nil)
    }

    /// Waits for the next connection of one socket, or of any of them for nil.
    ///
    /// Failures that concern one connection only, and lack of descriptors or memory, which passes,
    /// are dealt with here: the former by taking the next one, the latter by trying again later.
    func accept(from shard: Registration?) async throws -> (Registration, peer: SocketAddress?) {
        var hindrance = AcceptHindrance()
        while true {
            do throws(OperationFailure) {
                let (descriptor, peer, loop) =
                    if let shard {
                        try await acceptDescriptor(from: shard)
                    } else {
                        try await acceptDescriptorFromAny()
                    }
                let home = staysOnLoop ? loop : nil
                return (try group.register(accepted: descriptor, on: home), peer)
            } catch {
                switch hindrance.answer(to: error) {
                case .tryAgain: continue
                case .pause(let duration):
                    let outcome = await (shard ?? registration).loop.pause(for: duration)
                    guard outcome == .ready else { throw failure(OperationFailure(outcome)) }
                case .giveUp:
                    let failure = failure(error)
                    if case .system = error { ended.withLock { $0 = failure as? SocketError } }
                    throw failure
                }
            }
        }
    }

    private func failure(_ failure: OperationFailure) -> any Error {
        failure.error(.accept, local: localAddress)
    }

    /// What `acceptDescriptor` answers: the number of a connection's descriptor, its peer, and the
    /// loop that it came by.
    private typealias Accepted = (CInt, SocketAddress?, EventLoop)

    private func acceptDescriptor(
        from shard: Registration
    ) async throws(OperationFailure) -> Accepted {
        var operation = try Operation(shard, .read, .inLine)
        while true {
            try await operation.ready()
            if let (descriptor, peer) = try operation.result(
                of: accept(from: operation.descriptor)
            ) {
                return (descriptor, peer, shard.loop)
            }
        }
    }

    private func acceptDescriptorFromAny() async throws(OperationFailure) -> Accepted {
        guard let readyShards else { throw .closed }
        while true {
            guard await yieldThreadIfDue() else { throw .cancelled }
            let index = try await readyShards.next()
            let shard = shards[index]
            switch shard.use({ accept(from: $0) }) {
            case .drained(let (descriptor, peer)), .undrained(let (descriptor, peer)),
                .stocked(let (descriptor, peer)):
                readyShards.taken(from: index)
                return (descriptor, peer, shard.loop)
            case .mustWait: readyShards.drained(index)
            case .failed(let errno):
                readyShards.taken(from: index)
                throw .system(errno)
            case nil: throw .closed
            }
        }
    }

    private func accept(from socket: CInt) -> Attempt<(CInt, SocketAddress?)> {
        var peer = AddressStorage()
        do throws(Errno) {
            let accepted = try acceptSocket(socket, peer: &peer)
            // One edge may stand for many connections.
            return .undrained((accepted.release(), SocketAddress(peer)))
        } catch {
            return error == .again ? .mustWait : .failed(error)
        }
    }

    /// The kernel cuts it down to net.core.somaxconn.
    private static var maximumBacklog: Int { Int(CInt.max) }
}

extension EventLoopGroup {
    /// Takes a new socket into the loop that has the fewest.
    func register(
        _ socket: consuming Descriptor,
        for operation: SocketError.Operation,
        local: SocketAddress? = nil,
        remote: SocketAddress? = nil
    ) throws(SocketError) -> Registration {
        let loop = try loops(for: operation).leastLoadedLoop
        return try register(socket, on: loop, for: operation, local: local, remote: remote)
    }

    /// Takes a new socket into a loop of this group.
    func register(
        _ socket: consuming Descriptor,
        on loop: EventLoop,
        for operation: SocketError.Operation,
        local: SocketAddress? = nil,
        remote: SocketAddress? = nil
    ) throws(SocketError) -> Registration {
        do throws(OperationFailure) {
            return try loop.register(socket)
        } catch {
            throw SocketError(unwatched: error, operation, local: local, remote: remote)
        }
    }

    /// The same for a connection that was just accepted. Where it cannot be watched, it is handed
    /// out all the same, for its own operations to say so: the others must not suffer.
    ///
    /// - Parameters:
    ///   - descriptor: The connection.
    ///   - loop: The loop that accepted it, where it must stay there.
    /// - Returns: The connection's membership in its loop.
    /// - Throws: `.closed` where the loops were shut down.
    func register(
        accepted descriptor: CInt,
        on loop: EventLoop?
    ) throws(OperationFailure) -> Registration {
        let socket = Descriptor(owning: descriptor)
        guard case .success(let loops) = started else { throw .closed }
        return try (loop ?? loops.leastLoadedLoop).register(socket, failsLate: true)
    }
}
