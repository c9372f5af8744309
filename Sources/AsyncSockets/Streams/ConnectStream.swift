internal import SocketReactor
internal import SocketSystem

/// Connects a new socket and waits until the peer has answered.
///
/// - Parameters:
///   - kind: What socket.
///   - remote: The peer.
///   - options: The local address, and options of the socket.
///   - defaults: Options that `options` may override.
///   - group: The loops that the socket joins.
/// - Returns: The connected socket's membership in its loop.
/// - Throws: `SocketError`; `CancellationError`, and then no socket is left.
func connectStream(
    _ kind: SocketKind,
    to remote: SocketAddress,
    options: ConnectOptions,
    defaults: [SocketOptionSetting] = [],
    on group: EventLoopGroup
) async throws -> Registration {
    try Task.checkCancellation()
    let local = options.localAddress
    let socket = try makeSocket(
        kind,
        defaults + options.settings,
        local: local,
        remote: remote,
        for: .connect
    )
    let isConnected: Bool
    do throws(Errno) {
        isConnected = try startConnecting(socket.rawValue, to: remote)
    } catch {
        throw SocketError(.connect, error, refusedBy: .connect, local: local, remote: remote)
    }
    // Watched only from now on: epoll reports an unconnected socket as hung up.
    let registration = try group.register(
        socket,
        interest: isConnected ? .read : [.read, .write],
        for: .connect,
        local: local,
        remote: remote
    )
    if isConnected { return registration }
    do throws(OperationFailure) {
        try await finishConnecting(registration)
        return registration
    } catch {
        // Which port the kernel chose is in a trace of the network, too.
        let chosen = registration.localAddress.flatMap { $0.port == 0 ? nil : $0 }
        registration.close()
        throw error.error(.connect, local: chosen ?? local, remote: remote)
    }
}

/// True if the connection was there at once.
private func startConnecting(
    _ socket: CInt,
    to remote: SocketAddress
) throws(Errno) -> Bool {
    do throws(Errno) {
        try connectSocket(socket, to: remote.storage)
        return true
    } catch {
        // After a signal the connection goes on being made, as if it had been in progress.
        if error == .inProgress || error == .interrupted { return false }
        throw error
    }
}

private func finishConnecting(_ registration: Registration) async throws(OperationFailure) {
    // The connection was started before: wait for what comes of it.
    var operation = Operation(.write, .fails)
    while try !tryFinish(registration, &operation) {
        try await operation.wait(for: registration)
    }
}

private func tryFinish(
    _ registration: Registration,
    _ operation: inout Operation
) throws(OperationFailure) -> Bool {
    guard try operation.begins(on: registration) else { return false }
    return try operation.ends(connected(registration.descriptor), on: registration)
}

private func connected(_ socket: CInt) -> Attempt {
    do throws(Errno) {
        let failure = try pendingError(of: socket)
        if failure.rawValue != 0 { return .failed(failure) }
        let peer = try SocketSystem.remoteAddress(of: socket)
        // A port of the ephemeral range without a listener may be answered by the very socket
        // that calls it (a simultaneous open with itself): nobody is there.
        if SocketAddress(peer) == SocketAddress(try localAddress(of: socket)) {
            return .failed(.connectionRefused)
        }
        return .done(leaving: .unknown)
    } catch {
        return error == .notConnected ? .mustWait : .failed(error)
    }
}

/// Checks a descriptor from outside and makes it non-blocking and close-on-exec.
///
/// - Returns: The address that it is connected to.
func adopt(
    _ descriptor: CInt,
    _ kind: (type: CInt, families: [CInt])
) throws(SocketError) -> SocketAddress? {
    do throws(Errno) {
        try requireSocket(descriptor, type: kind.type, families: kind.families)
        let remote = try SocketSystem.remoteAddress(of: descriptor)
        try adoptDescriptor(descriptor)
        return SocketAddress(remote)
    } catch {
        throw SocketError(.adopt, error)
    }
}
