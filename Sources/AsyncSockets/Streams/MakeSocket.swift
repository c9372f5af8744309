internal import SocketSystem

/// Makes a socket, sets its options and binds it.
///
/// - Parameters:
///   - kind: What socket.
///   - settings: Its options, set in order, before it is bound.
///   - local: What to bind it to; nil leaves that to the kernel.
///   - remote: Whom it will talk to, for errors.
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
    // What was set when it failed.
    var setting: SocketOptionSetting?
    do throws(Errno) {
        let socket = try openSocket(kind)
        for next in settings {
            setting = next
            try next.apply(to: socket.rawValue)
        }
        setting = nil
        if let local { try bindSocket(socket.rawValue, to: local.storage) }
        return socket
    } catch {
        throw SocketError(
            operation,
            error,
            local: local,
            remote: remote,
            reason: setting.map { "setting \($0)" }
        )
    }
}
