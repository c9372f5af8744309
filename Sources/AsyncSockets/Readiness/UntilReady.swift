internal import SocketReactor
internal import SocketSystem

/// Waits until a descriptor is readable, and takes nothing: the next wait returns at once unless
/// somebody has read meanwhile.
func untilReadable(_ registration: Registration) async throws(OperationFailure) {
    var operation = try Operation(registration, .read, .inLine)
    while true {
        try await operation.ready()
        let attempt = look(operation.descriptor) { socket throws(Errno) in try isReadable(socket) }
        if try operation.result(of: attempt) != nil { return }
    }
}

/// Waits until a descriptor is writable; as `untilReadable`.
func untilWritable(_ registration: Registration) async throws(OperationFailure) {
    var operation = try Operation(registration, .write, .inLine)
    while true {
        try await operation.ready()
        let attempt = look(operation.descriptor) { socket throws(Errno) in try isWritable(socket) }
        if try operation.result(of: attempt) != nil { return }
    }
}

/// What a look means: undrained, for whatever is done afterwards, the next wait has to look again.
private func look(
    _ descriptor: CInt,
    _ isReady: (CInt) throws(Errno) -> Bool
) -> Attempt<Void> {
    do throws(Errno) {
        return try isReady(descriptor) ? .undrained(()) : .mustWait
    } catch {
        return .failed(error)
    }
}
