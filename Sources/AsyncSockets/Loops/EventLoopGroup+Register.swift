internal import SocketReactor
internal import SocketSystem

// How sockets join the loops of a group. Whoever registers a socket closes it.

extension EventLoopGroup {
    /// Takes a new socket into a loop of this group: the one that has the fewest, if none is given.
    func register(
        _ socket: consuming Descriptor,
        on loop: EventLoop? = nil,
        interest: Interest = .read,
        for operation: SocketError.Operation,
        local: SocketAddress? = nil,
        remote: SocketAddress? = nil
    ) throws(SocketError) -> Registration {
        let chosen = if let loop { loop } else { try loops(for: operation).leastLoadedLoop }
        do throws(OperationFailure) {
            return try chosen.register(socket, interest: interest)
        } catch {
            throw unwatched(error, operation, local, remote)
        }
    }

    /// Takes a descriptor in that stays its giver's if that fails.
    func register(
        adopting descriptor: CInt,
        for operation: SocketError.Operation,
        local: SocketAddress? = nil,
        remote: SocketAddress? = nil
    ) throws(SocketError) -> Registration {
        let loop = try loops(for: operation).leastLoadedLoop
        do throws(OperationFailure) {
            let registration = try loop.register(adopting: descriptor)
            registration.noteShared()
            return registration
        } catch {
            throw unwatched(error, operation, local, remote)
        }
    }

    private func unwatched(
        _ failure: OperationFailure,
        _ operation: SocketError.Operation,
        _ local: SocketAddress?,
        _ remote: SocketAddress?
    ) -> SocketError {
        SocketError(
            unwatched: failure,
            operation,
            backend: (try? started.get())?.backend,
            local: local,
            remote: remote
        )
    }

    /// Takes a connection in that was just accepted. If it cannot be watched, it is handed out all
    /// the same, for its own operations to say so: the others must not suffer.
    ///
    /// - Parameters:
    ///   - descriptor: The connection.
    ///   - loop: The loop that accepted it, if it must stay there.
    ///   - anyway: Hand it out also if it cannot be watched for want of what may soon be had.
    /// - Returns: The connection's membership in its loop.
    /// - Throws: `closed` if the loops were shut down: then the connection is closed. `system` for
    ///   what may soon be had.
    func register(
        accepted descriptor: CInt,
        on loop: EventLoop?,
        anyway: Bool = false
    ) throws(OperationFailure) -> Registration {
        let late: FailsLate = anyway ? .always : .unlessPassing
        do throws(OperationFailure) {
            guard case .success(let loops) = started else { throw .closed }
            return try (loop ?? loops.leastLoadedLoop).register(adopting: descriptor, late: late)
        } catch {
            if case .system = error {} else { closeDescriptor(descriptor) }
            throw error
        }
    }

    /// Two sockets that are connected to each other.
    func registerPair(_ type: CInt) throws(SocketError) -> (Registration, Registration) {
        let ends: (CInt, CInt)
        do throws(Errno) {
            ends = try openSocketPair(type: type)
        } catch {
            throw SocketError(.open, error)
        }
        let second = Descriptor(owning: ends.1)
        let first = try register(Descriptor(owning: ends.0), for: .open)
        do throws(SocketError) {
            return (first, try register(second, for: .open))
        } catch {
            first.close()
            throw error
        }
    }
}
