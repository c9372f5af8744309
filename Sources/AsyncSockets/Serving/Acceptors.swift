internal import SocketReactor
internal import Synchronization

/// What accepts the clients of a listener for `serve`: as many tasks as it has sockets.
///
/// Each takes the connections of all sockets. The kernel may tell any loop of a connection, and a
/// task that has reserved a client's place must not wait for one socket while others have somebody.
final class Acceptors<Connection: Sendable>: Sendable {
    /// Waits for the next client.
    let accept: @Sendable () async throws -> Connection
    /// How many tasks are to accept.
    let count: Int
    private let stopWaiting: @Sendable () -> Void
    private let stopListening: @Sendable () -> Void
    /// How many tasks have ended.
    private let ended = Atomic(0)

    /// - Parameters:
    ///   - count: How many tasks are to accept.
    ///   - stopWaiting: From then on they take who is there, and wait for nobody else.
    ///   - stopListening: It may be called twice.
    ///   - accept: Waits for the next client.
    private init(
        count: Int,
        stopWaiting: @escaping @Sendable () -> Void,
        stopListening: @escaping @Sendable () -> Void,
        accept: @escaping @Sendable () async throws -> Connection
    ) {
        self.count = count
        self.accept = accept
        self.stopWaiting = stopWaiting
        self.stopListening = stopListening
    }

    /// A task accepts no more. Nobody can connect when the last one has ended.
    func end() {
        if ended.add(1, ordering: .acquiringAndReleasing).newValue == count { close() }
    }

    /// Takes those who have connected already, and nobody else.
    func leave() { stopWaiting() }

    func close() { stopListening() }
}

extension Acceptors {
    /// The acceptors of any listener of streams.
    convenience init<Listener: StreamListener>(of listener: Listener)
    where Listener.Element == Connection {
        if let known = listener as? any ListenerOfCore<Connection> {
            self.init(of: known.core, close: { listener.close() }, known.makeConnection)
        } else {
            let close: @Sendable () -> Void = { listener.close() }
            self.init(count: 1, stopWaiting: close, stopListening: close) {
                try await listener.accept()
            }
        }
    }

    /// The acceptors of a listener of our own kinds.
    convenience init(
        of core: ListenerCore,
        close: @escaping @Sendable () -> Void,
        _ makeConnection: @escaping @Sendable (Registration, SocketAddress?) -> Connection
    ) {
        let core = core.withStandIns()
        let closeAll: @Sendable () -> Void = {
            close()
            core.close()
        }
        self.init(
            count: core.shards.count,
            stopWaiting: { core.stopWaiting() },
            stopListening: closeAll
        ) {
            let (registration, peer) = try await core.accept()
            return makeConnection(registration, peer)
        }
    }
}

/// A listener of our own kinds.
protocol ListenerOfCore<Connection>: Sendable {
    associatedtype Connection

    var core: ListenerCore { get }

    func makeConnection(_ registration: Registration, peer: SocketAddress?) -> Connection
}
