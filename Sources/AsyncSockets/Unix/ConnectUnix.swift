internal import SocketReactor
internal import SocketSystem

/// A connected Unix socket in its loop, and the file of its own name, if it has one.
struct ConnectedUnixSocket {
    let registration: Registration
    let file: SocketFile?
}

/// Connects a new Unix socket.
///
/// A listener whose queue is full answers EAGAIN, and no event reports when there is room again. So
/// the call is repeated after a pause that grows from 1 to 50 milliseconds.
func connectUnix(
    _ type: CInt,
    to remote: SocketAddress,
    options: ConnectOptions,
    on group: EventLoopGroup
) async throws -> ConnectedUnixSocket {
    try Task.checkCancellation()
    try requireUnix(remote, for: .connect)
    try requireMeaning(of: options, to: remote)
    let bound = try openUnix(type, options, remote: remote)
    let loop = try group.loops(for: .connect).leastLoadedLoop
    var pause = Duration.milliseconds(1)
    while try !isConnected(bound.socket.rawValue, to: remote, options) {
        do throws(OperationFailure) {
            try await loop.pause(for: pause)
        } catch {
            throw error.error(.connect, remote: remote)
        }
        pause = min(pause * 2, .milliseconds(50))
    }
    let file = bound.file
    let registration = try group.register(
        bound.socket,
        for: .connect,
        local: options.localAddress,
        remote: remote
    )
    return ConnectedUnixSocket(registration: registration, file: file)
}

/// Refuses options that only IP has. Options for looking up names are ignored, because an address
/// is given.
private func requireMeaning(
    of options: ConnectOptions,
    to remote: SocketAddress
) throws(SocketError) {
    guard options.interface != nil || options.fastOpen else { return }
    throw SocketError(
        .connect,
        code: .notSupported,
        remote: remote,
        reason: "Unix sockets have no \(options.fastOpen ? "fast open" : "network interface")"
    )
}

private func openUnix(
    _ type: CInt,
    _ options: ConnectOptions,
    remote: SocketAddress
) throws(SocketError) -> BoundUnixSocket {
    if let local = options.localAddress {
        return try bindUnix(
            type,
            to: local,
            options.socketOptions,
            options.socketFile,
            for: .bind
        )
    }
    return BoundUnixSocket(
        socket: try makeSocket(
            .unix(type),
            options.socketOptions,
            local: nil,
            remote: remote,
            for: .connect
        ),
        file: nil
    )
}

/// Connects the socket; returns false if the listener's queue is full.
private func isConnected(
    _ socket: CInt,
    to remote: SocketAddress,
    _ options: ConnectOptions
) throws(SocketError) -> Bool {
    while true {
        do throws(Errno) {
            try connectSocket(socket, to: remote.storage)
            return true
        } catch {
            if error == .again { return false }
            if error == .interrupted { continue }
            throw SocketError(.connect, error, local: options.localAddress, remote: remote)
        }
    }
}
