public import SocketReactor

extension UDPSocket: AsyncSequence {
    /// A datagram that has arrived.
    public typealias Element = Datagram

    /// Receives one datagram after another; see ``UDPSocket``.
    public struct AsyncIterator: AsyncIteratorProtocol {
        @usableFromInline let socket: UDPSocket

        /// Waits for the next datagram.
        ///
        /// - Parameter actor: The actor that the loop is isolated to.
        /// - Returns: The datagram; never nil.
        /// - Throws: As `receive()`. No datagram is lost then, and another loop may go on.
        @inlinable
        @inline(__always)
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws -> Datagram? {
            try await socket.receive(isolation: actor)
        }

        /// The same, for callers without isolation.
        ///
        /// - Returns: The datagram; never nil.
        /// - Throws: As `receive()`.
        public mutating func next() async throws -> Datagram? {
            try await socket.receive()
        }
    }

    /// Begins to receive. Iterators share the socket: each datagram goes to one of them.
    ///
    /// - Returns: The iterator.
    public nonisolated func makeAsyncIterator() -> AsyncIterator { AsyncIterator(socket: self) }
}

extension UDPSocket {
    /// Waits for the next datagram.
    ///
    /// If several datagrams have arrived, a socket of this process alone takes several from the
    /// kernel at a time, and keeps those that are not handed out yet. The corresponding system call
    /// is `recvmmsg(2)`.
    ///
    /// - Parameter isolation: The actor that the caller is isolated to.
    /// - Returns: The datagram, whole: the buffer fits the largest.
    /// - Throws: `SocketError`: `.closed` after `close()`. On a connected socket also what the
    ///   network reported about a datagram that was sent, once for each report, to whichever call
    ///   comes first: `.connectionRefused`, `.hostUnreachable`, `.messageTooLong` (a router's limit
    ///   for the path) and the like. The socket goes on; see ``errors`` for reports apart from
    ///   receiving. `CancellationError` if the task was cancelled: no datagram is lost then.
    @inlinable
    @inline(__always)
    public func receive(isolation: isolated (any Actor)? = #isolation) async throws -> Datagram {
        var operation = beginReceiving()
        while true {
            if let datagram = try tryReceive(&operation) { return datagram }
            try await wait(&operation, .receive, isolation: isolation)
        }
    }

    @usableFromInline
    func beginReceiving() -> Operation { Operation(.read, .standsInLine) }

    /// The next datagram if it is here already.
    @usableFromInline
    func tryReceive(_ operation: inout Operation) throws -> Datagram? {
        do throws(OperationFailure) {
            if let datagram = try core.tryReceive(&operation) { return datagram }
            operation.prepareToWait(for: registration)
            return nil
        } catch {
            throw self.error(error, .receive)
        }
    }

    @usableFromInline var registration: Registration { core.registration }

    /// Does what must come before the next try.
    @inlinable
    @inline(__always)
    func wait(
        _ operation: inout Operation,
        _ name: SocketError.Operation,
        isolation: isolated (any Actor)?
    ) async throws {
        if operation.suspends {
            await operation.waitUntilReady(on: registration, isolation: isolation)
        } else {
            try await waitOtherwise(&operation, name, isolation: isolation)
        }
    }

    @usableFromInline
    func waitOtherwise(
        _ operation: inout Operation,
        _ name: SocketError.Operation,
        isolation: isolated (any Actor)?
    ) async throws {
        do throws(OperationFailure) {
            try await operation.waitOtherwise(for: registration)
        } catch {
            throw self.error(error, name)
        }
    }

    /// Returns the datagrams that were taken from the kernel together with others and were not
    /// received yet, without a system call.
    ///
    /// It serves a program that is about to end or to `detach()`, and works in a cancelled task,
    /// too. A server that is told to leave loses nothing if it handles what is left:
    ///
    /// ```swift
    /// try? await withCancellation(on: .terminate) {
    ///     for try await datagram in socket { print(datagram) }
    /// }
    /// for datagram in try socket.receiveQueued() { print(datagram) }
    /// ```
    ///
    /// A socket that was adopted or inherited, or whose descriptor was duplicated, takes nothing
    /// ahead, and has nothing here, unless it joins segments (``UDPOptions/joinsSegments``).
    ///
    /// - Returns: The datagrams, oldest first; most often none.
    /// - Throws: `SocketError`: `.busy` while another task receives, `.closed` after `close()`.
    public func receiveQueued() throws(SocketError) -> [Datagram] {
        if let datagrams = core.takeAllQueued() { return datagrams }
        throw SocketError(.receive, code: isClosed ? .closed : .busy, remote: remoteAddress)
    }

    /// Waits for the next datagram and puts it into the caller's memory, without allocating any.
    ///
    /// Several may be taken from the kernel at once, as by `receive()`. They then wait in memory
    /// that the sockets of an event loop share and use again and again. (Outside the loops, a
    /// socket that joins segments does allocate.) The corresponding system calls are `recvmmsg(2)`
    /// and, for large datagrams, `recvmsg(2)`.
    ///
    /// - Parameters:
    ///   - buffer: The memory for the datagram, filled from its beginning. Bytes that do not fit
    ///     are lost; the header's `length` is the datagram's whole length.
    ///   - isolation: The actor that the caller is isolated to.
    /// - Returns: The datagram without its bytes.
    /// - Throws: As `receive()`.
    @inlinable
    @inline(__always)
    public func receive(
        into buffer: inout MutableSpan<UInt8>,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> DatagramHeader {
        var header = DatagramHeader()
        var operation = beginReceiving()
        while try !tryReceive(into: &buffer, &header, &operation) {
            try await wait(&operation, .receive, isolation: isolation)
        }
        return header
    }

    /// Takes the next datagram if it is here already.
    @usableFromInline
    func tryReceive(
        into buffer: inout MutableSpan<UInt8>,
        _ header: inout DatagramHeader,
        _ operation: inout Operation
    ) throws -> Bool {
        do throws(OperationFailure) {
            if try core.tryReceive(into: &buffer, &header, &operation) { return true }
            operation.prepareToWait(for: registration)
            return false
        } catch {
            throw self.error(error, .receive)
        }
    }

    /// Waits until a datagram has arrived, and receives as many as have arrived and fit.
    ///
    /// This is the fastest way to receive: one system call for many datagrams, and no memory is
    /// allocated. With ``UDPOptions/joinsSegments`` an entry may hold several datagrams, see
    /// ``DatagramBatch/segmentSize(at:)``. The corresponding system call is `recvmmsg(2)`.
    ///
    /// - Parameter batch: The batch that is filled. Its earlier entries are removed.
    /// - Returns: The number of entries, at least 1.
    /// - Throws: As `receive()`. The batch is empty then.
    @discardableResult
    public func receive(into batch: DatagramBatch) async throws -> Int {
        do throws(OperationFailure) {
            return try await core.receive(into: batch)
        } catch {
            throw self.error(error, .receive)
        }
    }
}
