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
    /// Lets them take those who have connected already, and nobody else.
    let leave: @Sendable () -> Void
    /// Stops listening; it may be called twice.
    let close: @Sendable () -> Void
    /// How many tasks have ended.
    private let ended = Atomic(0)

    private init(
        count: Int,
        leave: @escaping @Sendable () -> Void,
        close: @escaping @Sendable () -> Void,
        accept: @escaping @Sendable () async throws -> Connection
    ) {
        self.count = count
        self.accept = accept
        self.leave = leave
        self.close = close
    }

    /// A task accepts no more. Nobody can connect when the last one has ended.
    func end() {
        if ended.add(1, ordering: .acquiringAndReleasing).newValue == count { close() }
    }
}

extension Acceptors {
    /// The acceptors of any listener of streams.
    convenience init<Listener: StreamListener>(of listener: Listener)
    where Listener.Element == Connection {
        if let known = listener as? any ListenerOfCore<Connection> {
            self.init(of: known.core, close: { listener.close() }, known.makeConnection)
        } else {
            let close: @Sendable () -> Void = { listener.close() }
            self.init(count: 1, leave: close, close: close) {
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
        self.init(
            count: core.shards.count,
            leave: { core.stopWaiting() },
            close: {
                close()
                core.close()
            }
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
