internal import SocketReactor
internal import SocketSystem

/// Waits until a descriptor is readable, or writable, and takes nothing: the next wait returns at
/// once unless somebody has read meanwhile.
func untilReady(
    _ registration: Registration,
    for direction: SocketReactor.Direction
) async throws(OperationFailure) {
    var operation = Operation(direction, .standsInLine)
    while try !tryLook(registration, &operation) { try await operation.wait(for: registration) }
}

private func tryLook(
    _ registration: Registration,
    _ operation: inout Operation
) throws(OperationFailure) -> Bool {
    guard try operation.begins(on: registration) else { return false }
    let attempt = look(registration.descriptor) { (socket) throws(Errno) in
        operation.direction == .read ? try isReadable(socket) : try isWritable(socket)
    }
    return try operation.ends(attempt, on: registration)
}

/// What a look means: undrained, for whatever is done afterwards, the next wait has to look again.
private func look(
    _ descriptor: CInt,
    _ isReady: (CInt) throws(Errno) -> Bool
) -> Attempt {
    do throws(Errno) {
        return try isReady(descriptor) ? .done(leaving: .unknown) : .mustWait
    } catch {
        return .failed(error)
    }
}
