internal import SocketSystem

/// Makes a socket, sets its options and binds it.
///
/// - Parameters:
///   - kind: What socket.
///   - settings: Its options, set in order, before it is bound.
///   - local: What to bind it to; nil leaves that to the kernel.
///   - remote: The peer that it will be connected to, for errors.
///   - operation: What the caller is doing, for errors.
/// - Returns: The socket, non-blocking and close-on-exec.
/// - Throws: `SocketError` of that operation.
func makeSocket(
    _ kind: SocketKind,
    _ settings: [SocketOptionSetting],
    local: SocketAddress?,
    remote: SocketAddress? = nil,
    for operation: SocketError.Operation
) throws(SocketError) -> Descriptor {
    if let local, local.family.rawValue != kind.family {
        let family = SocketAddress.Family(rawValue: kind.family)
        throw SocketError(
            operation,
            code: .wrongAddressFamily,
            local: local,
            remote: remote,
            reason: "the local address is not of the peer's kind, \(family)"
        )
    }
    // What was done when it failed.
    var setting: SocketOptionSetting?
    var isBinding = false
    do throws(Errno) {
        let socket = try openSocket(kind)
        for next in settings {
            setting = next
            try next.apply(to: socket.rawValue)
        }
        setting = nil
        isBinding = true
        if let local {
            try bindSocket(socket.rawValue, to: local.storage)
            // Asked for now: a socket that does not know its own address is of little use.
            _ = try SocketSystem.localAddress(of: socket.rawValue)
        }
        return socket
    } catch {
        if isBinding {
            throw SocketError(operation, error, refusedBy: .bind, local: local, remote: remote)
        }
        throw SocketError(
            operation,
            error,
            local: local,
            remote: remote,
            reason: setting.map { "setting \($0)" }
        )
    }
}
