internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// What TCP and Unix listeners have in common: a bound, listening socket and how to accept from it.
final class ListenerCore: Sendable {
    /// The listening socket's membership in its loop.
    let registration: Registration
    /// The group whose loops take the connections.
    let group: EventLoopGroup
    /// Where it listens.
    let localAddress: SocketAddress

    init(registration: Registration, group: EventLoopGroup, localAddress: SocketAddress) {
        self.registration = registration
        self.group = group
        self.localAddress = localAddress
    }

    deinit { registration.close() }

    /// Takes a bound socket, lets it listen and registers it.
    static func listen(
        _ socket: consuming Descriptor,
        at address: SocketAddress,
        backlog: Int?,
        on group: EventLoopGroup
    ) throws(SocketError) -> ListenerCore {
        let bound: SocketAddress
        do throws(Errno) {
            try listenSocket(socket.rawValue, backlog: CInt(clamping: backlog ?? maximumBacklog))
            bound = SocketAddress(try SocketSystem.localAddress(of: socket.rawValue)) ?? address
        } catch {
            throw SocketError(.listen, error, local: address)
        }
        let registration = try group.register(socket, for: .listen, local: bound)
        return ListenerCore(registration: registration, group: group, localAddress: bound)
    }

    /// Waits for the next connection.
    ///
    /// Failures that concern one connection only, and lack of descriptors or memory, which passes,
    /// are dealt with here: the former by taking the next one, the latter by trying again later.
    func accept() async throws -> (Registration, peer: SocketAddress?) {
        var pause = Duration.milliseconds(1)
        while true {
            do throws(OperationFailure) {
                let (descriptor, peer) = try await acceptDescriptor()
                return (try group.register(accepted: descriptor), peer)
            } catch {
                switch error {
                case .system(let errno) where errno.concernsOneConnection: continue
                case .system(let errno) where errno.meansExhaustion:
                    try await sleep(for: pause)
                    pause = min(pause * 2, .milliseconds(500))
                default: throw failure(error)
                }
            }
        }
    }

    /// The number of a connection's descriptor and its peer's address.
    private func acceptDescriptor() async throws(OperationFailure) -> (CInt, SocketAddress?) {
        var operation = try Operation(registration, .read, .inLine)
        while true {
            try await operation.ready()
            if let accepted = try operation.result(of: accept(from: operation.descriptor)) {
                return accepted
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

    private func sleep(for pause: Duration) async throws {
        let deadline = MonotonicTime.now.advanced(by: pause)
        switch await registration.loop.sleep(until: deadline) {
        case .ready: return
        case .cancelled: throw CancellationError()
        case .closed: throw failure(.closed)
        }
    }

    private func failure(_ failure: OperationFailure) -> any Error {
        switch failure {
        case .cancelled: CancellationError()
        case .closed: SocketError(.accept, code: .closed, local: localAddress)
        case .busy: SocketError(.accept, code: .busy, local: localAddress)
        case .system(let errno): SocketError(.accept, errno, local: localAddress)
        }
    }

    /// The kernel caps it at net.core.somaxconn.
    private static var maximumBacklog: Int { 4096 }
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
        do throws(OperationFailure) {
            return try loop.register(socket)
        } catch {
            if case .system(let errno) = error {
                throw SocketError(
                    operation,
                    errno,
                    local: local,
                    remote: remote,
                    reason: errno == .processDescriptorLimit ? SocketError.selectLimit : nil
                )
            }
            throw SocketError(
                operation,
                code: .closed,
                local: local,
                remote: remote,
                reason: "the event loops were shut down"
            )
        }
    }

    /// The same for a connection that was just accepted. Where it cannot be watched, it is handed
    /// out all the same, for its own operations to say so: the others must not suffer.
    func register(accepted descriptor: CInt) throws(OperationFailure) -> Registration {
        let socket = Descriptor(owning: descriptor)
        guard case .success(let loops) = started else { throw .closed }
        return try loops.leastLoadedLoop.register(socket, failsLate: true)
    }
}

extension Errno {
    /// accept(2) reports what went wrong with a connection before it was accepted, and firewalls
    /// have their say: the next connection may be fine.
    fileprivate var concernsOneConnection: Bool {
        switch self {
        case .connectionAborted, .protocolError, .notPermitted, .networkDown, .hostDown,
            .hostUnreachable, .networkUnreachable, .noNetwork, .noSuchOption, .notSupported,
            .timedOut,
            .connectionReset:
            true
        default: false
        }
    }

    /// The process, the system or the poller has no room for another descriptor now.
    fileprivate var meansExhaustion: Bool {
        switch self {
        case .processDescriptorLimit, .systemDescriptorLimit, .noBufferSpace, .noMemory: true
        default: false
        }
    }
}
