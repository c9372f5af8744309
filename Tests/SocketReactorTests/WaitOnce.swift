import SocketReactor

extension Registration {
    /// An operation whose call must wait once: nil after it was ready, or why it failed.
    func waitOnce(_ direction: Direction) async -> OperationFailure? {
        var operation = Operation(direction, .fails)
        do throws(OperationFailure) {
            if try operation.begins(on: self) { _ = try operation.ends(.mustWait, on: self) }
            repeat {
                try await operation.wait(for: self)
            } while try !operation.begins(on: self)
            _ = try operation.ends(.done(leaving: .nothing), on: self)
            return nil
        } catch {
            return error
        }
    }
}
