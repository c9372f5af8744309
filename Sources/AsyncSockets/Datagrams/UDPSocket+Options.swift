internal import SocketReactor
internal import SocketSystem
internal import Synchronization

extension UDPSocket {
    /// Reads an option.
    ///
    /// The corresponding system call is `getsockopt(2)`.
    ///
    /// - Parameter option: The option.
    /// - Returns: Its value.
    /// - Throws: `SocketError`: `.notSupported`, `.closed`.
    public func get<Value>(_ option: SocketOption<Value>) throws(SocketError) -> Value {
        try use(.getOption, reason: option.name) { socket throws(Errno) in
            try option.read(from: socket)
        }
    }

    /// Sets an option.
    ///
    /// The corresponding system call is `setsockopt(2)`.
    ///
    /// - Parameters:
    ///   - option: The option.
    ///   - value: The new value.
    /// - Throws: `SocketError`: `.notSupported`, `.invalidArgument`, `.permissionDenied`,
    ///   `.closed`.
    public func set<Value>(
        _ option: SocketOption<Value>,
        to value: Value
    ) throws(SocketError) {
        try use(.setOption, reason: option.text(of: value)) { socket throws(Errno) in
            try option.write(value, to: socket)
            core.learnOptions(of: socket)
        }
    }
}

// MARK: - The end

extension UDPSocket {
    /// Whether `close()` or `detach()` was called.
    public var isClosed: Bool { core.registration.isClosed }

    /// Closes the socket. Operations that wait for it throw `SocketError` with the code `.closed`;
    /// so do all later ones. Closing twice is not an error.
    ///
    /// Datagrams that were sent are still delivered; those that were not received are gone. The
    /// corresponding system call is `close(2)`.
    public func close() { core.close() }

    /// Takes the descriptor out of the socket. The socket is then closed, and the descriptor stays
    /// open.
    ///
    /// Datagrams that were taken from the kernel together with others and were not received yet do
    /// not go with the descriptor: ``receiveQueued()`` returns them. Errors that wait in ``errors``
    /// are gone.
    ///
    /// - Returns: The descriptor, non-blocking and close-on-exec. The caller must close it.
    /// - Throws: `SocketError`: `.busy` while an operation is in progress, `.closed` after
    ///   `close()`.
    public func detach() throws(SocketError) -> CInt {
        let descriptor = try core.registration.takeOut(remote: remoteAddress)
        core.errors.close()
        return descriptor
    }

    /// Makes another descriptor of the socket, for example to pass it to another process.
    ///
    /// If both descriptors receive, each datagram goes to one of them. From now on this socket
    /// takes no datagram before it is asked for, as one that was adopted. The corresponding system
    /// call is `fcntl(2)` with F_DUPFD_CLOEXEC.
    ///
    /// - Returns: The new descriptor.
    /// - Throws: `SocketError`: `.closed` after `close()`, `.tooManyDescriptors`.
    public func duplicateDescriptor() throws(SocketError) -> OwnedDescriptor {
        try core.registration.duplicate(remoteAddress)
    }
}
