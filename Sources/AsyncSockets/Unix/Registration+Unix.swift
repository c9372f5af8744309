internal import SocketReactor
internal import SocketSystem

// The questions that a connected Unix socket can ask about its peer. The public methods of each
// kind of socket call these.

extension Registration {
    /// Asks the kernel, if the socket is still open.
    private func ask<Value>(
        _ peer: SocketAddress?,
        _ question: String,
        _ call: (CInt) throws(Errno) -> Value
    ) throws(SocketError) -> Value {
        let answer: Value?
        do throws(Errno) {
            answer = try use(call)
        } catch {
            throw SocketError(.getOption, error, remote: peer, reason: question)
        }
        if let answer { return answer }
        throw SocketError(.getOption, code: .closed, remote: peer)
    }

    func credentials(of peer: SocketAddress?) throws(SocketError) -> UnixCredentials {
        try ask(peer, "peerCredentials") { (socket) throws(Errno) in
            UnixCredentials(try SocketSystem.peerCredentials(of: socket))
        }
    }

    func groups(of peer: SocketAddress?) throws(SocketError) -> [UInt32] {
        try ask(peer, "peerGroups") { (socket) throws(Errno) in
            try SocketSystem.peerGroups(of: socket)
        }
    }

    func processDescriptor(of peer: SocketAddress?) throws(SocketError) -> OwnedDescriptor {
        try ask(peer, "peerProcessDescriptor") { (socket) throws(Errno) in
            OwnedDescriptor(try SocketSystem.peerProcessDescriptor(of: socket))
        }
    }

    /// Makes another descriptor of the socket, to be passed to another process.
    func duplicate(_ peer: SocketAddress?) throws(SocketError) -> OwnedDescriptor {
        noteShared()
        let duplicate: OwnedDescriptor?
        do throws(Errno) {
            duplicate = try use { (socket) throws(Errno) in
                OwnedDescriptor(try SocketSystem.duplicateDescriptor(socket))
            }
        } catch {
            throw SocketError(.detach, error, remote: peer)
        }
        if let duplicate { return duplicate }
        throw SocketError(.detach, code: .closed, remote: peer)
    }

    /// Takes the descriptor out, for the public `detach()` methods.
    func takeOut(
        local: @autoclosure () -> SocketAddress? = nil,
        remote: SocketAddress? = nil
    ) throws(SocketError) -> CInt {
        if let descriptor = detach() { return descriptor.release() }
        throw SocketError(
            .detach,
            code: isClosed ? .closed : .busy,
            local: local(),
            remote: remote
        )
    }
}

// MARK: - Options

extension Registration {
    func get<Value: Sendable>(
        _ option: SocketOption<Value>,
        remote: SocketAddress?
    ) throws(SocketError) -> Value {
        try ask(remote, option.name) { (socket) throws(Errno) in try option.read(from: socket) }
    }

    func set<Value: Sendable>(
        _ option: SocketOption<Value>,
        to value: Value,
        remote: SocketAddress?
    ) throws(SocketError) {
        let done: Void?
        do throws(Errno) {
            done = try use { (socket) throws(Errno) in try option.write(value, to: socket) }
        } catch {
            throw option.writeError(error, value: value, remote: remote)
        }
        if done == nil { throw SocketError(.setOption, code: .closed, remote: remote) }
    }
}

// MARK: - Errors

extension Registration {
    /// The socket's own address; nil after it was closed.
    var localAddress: SocketAddress? {
        use { socket in
            (try? SocketSystem.localAddress(of: socket)).flatMap { SocketAddress($0) }
        } ?? nil
    }

    /// Translates an operation's failure to the error that a program catches.
    func error(
        _ failure: OperationFailure,
        _ operation: SocketError.Operation,
        remote: SocketAddress?
    ) -> any Error {
        failure.error(operation, local: localAddress, remote: remote)
    }
}

// MARK: - The file

extension Registration {
    /// Removes the socket's file before the socket is closed. The socket may be closed already, if
    /// the loops were shut down; then another process may be about to take over the file.
    func remove(_ file: SocketFile?) {
        guard let file else { return }
        let isOpen = use { _ in file.remove(isBound: true) } != nil
        if !isOpen { file.remove(isBound: false) }
    }
}

// MARK: - Descriptors

extension StreamConnection {
    /// Makes another descriptor of the connection's socket, for example to pass it to another
    /// process.
    ///
    /// The connection stays as it is; both descriptors share the stream. The corresponding system
    /// call is `fcntl(2)` with F_DUPFD_CLOEXEC.
    ///
    /// - Returns: The new descriptor.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    public final func duplicateDescriptor() throws(SocketError) -> OwnedDescriptor {
        try registration.duplicate(remoteAddress)
    }
}

extension TCPListener {
    /// Makes another descriptor of the listening socket, for example to pass it to another process.
    ///
    /// The corresponding system call is `fcntl(2)` with F_DUPFD_CLOEXEC.
    ///
    /// - Returns: The new descriptor.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    public func duplicateDescriptor() throws(SocketError) -> OwnedDescriptor {
        try core.registration.duplicate(nil)
    }
}
