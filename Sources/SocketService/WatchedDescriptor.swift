internal import AsyncSockets

/// A descriptor that this target owns, with a source that waits for it.
struct WatchedDescriptor: Sendable {
    private let descriptor: OwnedDescriptor
    private let source: ReadinessSource

    /// Takes over a descriptor, which is closed if this throws.
    init(owning number: CInt, on group: EventLoopGroup) throws(SocketError) {
        descriptor = OwnedDescriptor(adopting: number)
        do throws(SocketError) {
            source = try ReadinessSource(watching: number, on: group)
        } catch {
            throw error.during(.startProcess)
        }
    }

    /// Waits until something can be read; throws after `close()`.
    func readable() async throws { try await source.readable() }

    /// Lends the descriptor's number; throws after `close()`.
    func use<Value>(_ body: (CInt) throws -> Value) throws -> Value {
        try descriptor.withDescriptor(body)
    }

    func close() {
        source.close()
        descriptor.close()
    }
}
