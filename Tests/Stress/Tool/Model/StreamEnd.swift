import AsyncSockets
import Synchronization

/// One end of a connection: what it did, and what it may see.
final class StreamEnd: Sendable {
    let connection: StreamConnection
    /// What this end writes.
    let pattern: Pattern

    private struct State {
        /// How far its writes may have come.
        var offered = 0
        /// How much of the other end's bytes it has read.
        var position = 0
        var sawEnd = false
        var hasFinished = false
        var hasClosed = false
        /// The number of descriptors that were passed to it, and that it passed.
        var received = 0
        var passed = 0
    }

    private let state = Mutex(State())

    init(_ connection: StreamConnection, _ pattern: Pattern) {
        self.connection = connection
        self.pattern = pattern
    }

    // What is about to be done is noted first: the other end may see it at once.

    func offers(_ count: Int) { state.withLock { $0.offered = connection.bytesWritten + count } }

    func passes(_ count: Int) { state.withLock { $0.passed += count } }

    /// Ends the writing, orderly.
    func finish() throws(SocketError) {
        state.withLock { $0.hasFinished = true }
        try connection.shutdown(.write)
    }

    /// Closes, orderly or not.
    func close(abruptly: Bool = false) {
        state.withLock { $0.hasClosed = true }
        if abruptly, let connection = connection as? TCPConnection {
            connection.reset()
        } else {
            connection.close()
        }
    }

    // What is seen.

    /// Notes bytes that were read; throws if they are not what the other end wrote.
    func read(_ bytes: [UInt8], of other: StreamEnd, descriptors: Int = 0) throws {
        let offered = other.state.withLock { $0.offered }
        let position = state.withLock { state in
            defer { state.position += bytes.count }
            state.received += descriptors
            return state.position
        }
        if position + bytes.count > offered { throw Broken("more was read than was written") }
        if !other.pattern.holds(bytes[...], at: position) {
            throw Broken("other bytes at \(position), \(bytes.count) of them")
        }
    }

    /// Notes the end of what the other end writes.
    func readEnd(of other: StreamEnd) throws {
        state.withLock { $0.sawEnd = true }
        if !other.state.withLock({ $0.hasFinished || $0.hasClosed }) {
            throw Broken("an end that nobody made")
        }
    }

    /// Whether an error of a read or a write of this end is explained by what was done.
    func explains(_ error: any Error, with other: StreamEnd, _ world: World) -> Bool {
        if world.blamesFault(error) { return true }
        let (closed, finished) = state.withLock { ($0.hasClosed, $0.hasFinished) }
        switch code(error) {
        case .closed?: return closed
        case .connectionReset?: return closed || other.state.withLock { $0.hasClosed }
        case .brokenPipe?: return finished || other.state.withLock { $0.hasClosed }
        case .unexpectedEndOfStream?:
            return other.state.withLock { $0.hasClosed || $0.hasFinished }
        default: return false
        }
    }

    /// What must hold when everything is over.
    func check(against other: StreamEnd) throws {
        let written = other.connection.bytesWritten
        let (offered, passed) = other.state.withLock { ($0.offered, $0.passed) }
        let (position, sawEnd, received) = state.withLock { ($0.position, $0.sawEnd, $0.received) }
        if written > offered { throw Broken("bytesWritten is \(written) of \(offered)") }
        if position > written { throw Broken("\(position) read of \(written) written") }
        if sawEnd, position < written {
            throw Broken("an end after \(position) of \(written) bytes")
        }
        if received > passed || sawEnd && received < passed {
            throw Broken("\(received) descriptors of \(passed)")
        }
    }
}
