internal import SocketReactor
internal import Synchronization

/// What accepts the clients of a listener for `serve`: a task for each socket, or for each loop.
final class Acceptors<Connection: Sendable>: Sendable {
    typealias Accept = @Sendable () async throws -> Connection

    private let tasks: [Accept]
    private let stopWaiting: @Sendable () -> Void
    private let stopListening: @Sendable () -> Void
    private let state = Mutex(State())

    private struct State {
        var begun = 0
        var ended = 0
    }

    /// - Parameters:
    ///   - tasks: What each task waits with for its next client.
    ///   - stopWaiting: From then on they take who is there, and wait for nobody else.
    ///   - stopListening: It may be called twice.
    private init(
        _ tasks: [Accept],
        stopWaiting: @escaping @Sendable () -> Void,
        stopListening: @escaping @Sendable () -> Void
    ) {
        self.tasks = tasks
        self.stopWaiting = stopWaiting
        self.stopListening = stopListening
    }

    /// How many tasks are to accept.
    var count: Int { tasks.count }

    /// What the next task accepts with; `end` follows.
    func begin() -> Accept {
        tasks[state.withLock { state in
            defer { state.begun += 1 }
            return state.begun
        }]
    }

    /// A task accepts no more. Nobody can connect when the last one has ended.
    func end() {
        let isLast = state.withLock { state in
            state.ended += 1
            return state.ended == tasks.count
        }
        if isLast { close() }
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
            self.init([{ try await listener.accept() }], stopWaiting: close, stopListening: close)
        }
    }

    /// The acceptors of a listener of our own kinds.
    convenience init(
        of core: ListenerCore,
        close: @escaping @Sendable () -> Void,
        _ makeConnection: @escaping @Sendable (Registration, SocketAddress?) -> Connection
    ) {
        let core = core.withStandIns()
        // With stand-ins the kernel may wake any loop, so no task may wait for one socket alone.
        let tasks = core.shards.map { shard -> Accept in
            {
                let accepted = try await core.accept(from: core.staysOnLoop ? shard : nil)
                return makeConnection(accepted.0, accepted.peer)
            }
        }
        let closeAll: @Sendable () -> Void = {
            close()
            core.close()
        }
        self.init(
            tasks,
            // Who else listens at a shared socket takes those who have connected to it.
            stopWaiting: { if core.isShared { closeAll() } else { core.stopWaiting() } },
            stopListening: closeAll
        )
    }
}

/// A listener of our own kinds.
protocol ListenerOfCore<Connection>: Sendable {
    associatedtype Connection

    var core: ListenerCore { get }

    func makeConnection(_ registration: Registration, peer: SocketAddress?) -> Connection
}
