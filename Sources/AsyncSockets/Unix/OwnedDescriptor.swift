internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// A file descriptor with one owner: it is closed when the last reference to this object is gone.
///
/// Descriptors that arrive over a Unix socket come in this type, so that an unused one is closed
/// and not leaked. To pass a descriptor, make an object from it:
///
/// ```swift
/// try await connection.write("take this", passing: [OwnedDescriptor(duplicating: 0)])
/// // The peer was made with the option `receivesDescriptors`.
/// let message = try await peer.readWithDescriptors()
/// let listener = try message?.descriptors.first?.handOver { number throws(SocketError) in
///     try UnixListener(adopting: number)
/// }
/// ```
public final class OwnedDescriptor: Sendable {
    private struct State {
        var number: CInt
        /// The number of calls that use the descriptor now; it is closed after the last one.
        var users = 0
        var isClosed = false
    }

    private let state: Mutex<State>
    /// Whether a peer has passed it, see `closeElsewhere`.
    private let isForeign: Bool

    init(_ descriptor: consuming Descriptor) {
        state = Mutex(State(number: descriptor.release()))
        isForeign = false
    }

    /// Takes over what a peer has passed.
    init(passed number: CInt) {
        state = Mutex(State(number: number))
        isForeign = true
    }

    /// Takes over a descriptor that has no other owner.
    ///
    /// - Parameter number: The descriptor. It is closed by this object from now on.
    public init(adopting number: CInt) {
        state = Mutex(State(number: number))
        isForeign = false
    }

    /// Makes another descriptor of an open file, close-on-exec. The given one stays as it is.
    ///
    /// The corresponding system call is `fcntl(2)` with F_DUPFD_CLOEXEC.
    ///
    /// - Parameter number: A descriptor of the file.
    /// - Throws: `SocketError`: `.badDescriptor`, `.tooManyDescriptors`.
    public convenience init(duplicating number: CInt) throws(SocketError) {
        do throws(Errno) {
            self.init(try duplicateDescriptor(number))
        } catch {
            throw SocketError(.adopt, error)
        }
    }

    deinit { close() }

    /// Whether the descriptor was closed or given away.
    public var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Lends the descriptor's number. It is not closed while the body runs, even by `close()`.
    ///
    /// - Parameter body: Uses the number; it must not close it.
    /// - Returns: The body's result.
    /// - Throws: `SocketError` with the code `.closed` if the descriptor was closed or given away;
    ///   the body's error.
    public func withDescriptor<Result>(_ body: (CInt) throws -> Result) throws -> Result {
        guard let number = beginUse() else { throw Self.closed }
        defer { endUse() }
        return try body(number)
    }

    /// Gives the descriptor to a body that makes something from it, such as
    /// `UnixListener.init(adopting:)`.
    ///
    /// - Parameter body: Takes over the descriptor. If it throws, the descriptor is closed.
    /// - Returns: The body's result.
    /// - Throws: The body's error; otherwise as `detach()`.
    public func handOver<Result>(
        _ body: (CInt) throws(SocketError) -> Result
    ) throws(SocketError) -> Result {
        let number = try detach()
        do throws(SocketError) {
            return try body(number)
        } catch {
            closeNow(number)
            throw error
        }
    }

    /// Gives the descriptor away, open.
    ///
    /// - Returns: The number. The caller must close it.
    /// - Throws: `SocketError`: `.closed` if it was closed or given away before, `.busy` while it
    ///   is in use.
    public func detach() throws(SocketError) -> CInt {
        let (number, isBusy) = state.withLock { state -> (CInt?, Bool) in
            if state.isClosed || state.users > 0 { return (nil, !state.isClosed) }
            state.isClosed = true
            return (state.number, false)
        }
        if let number { return number }
        throw isBusy ? SocketError(.detach, code: .busy) : Self.closed
    }

    /// Closes the descriptor. Closing twice is not an error.
    ///
    /// Closing does not wait: if a peer has passed the descriptor, a thread apart closes it.
    ///
    /// The corresponding system call is `close(2)`.
    public func close() {
        let number = state.withLock { state -> CInt? in
            if state.isClosed { return nil }
            state.isClosed = true
            return state.users == 0 ? state.number : nil
        }
        if let number { closeNow(number) }
    }

    private func closeNow(_ number: CInt) {
        if isForeign { closeElsewhere(number) } else { closeDescriptor(number) }
    }

    private static var closed: SocketError {
        SocketError(.detach, code: .closed, reason: "the descriptor is closed")
    }
}

extension OwnedDescriptor {
    private func beginUse() -> CInt? {
        state.withLock { state in
            if state.isClosed { return nil }
            state.users += 1
            return state.number
        }
    }

    private func endUse() {
        let number = state.withLock { state -> CInt? in
            state.users -= 1
            return state.isClosed && state.users == 0 ? state.number : nil
        }
        if let number { closeNow(number) }
    }

    /// Lends the numbers of several descriptors until `endUses`; nil if one of them is closed.
    static func beginUses(of descriptors: [OwnedDescriptor]) -> [CInt]? {
        var numbers: [CInt] = []
        numbers.reserveCapacity(descriptors.count)
        for descriptor in descriptors {
            guard let number = descriptor.beginUse() else {
                endUses(of: Array(descriptors.prefix(numbers.count)))
                return nil
            }
            numbers.append(number)
        }
        return numbers
    }

    static func endUses(of descriptors: [OwnedDescriptor]) {
        for descriptor in descriptors { descriptor.endUse() }
    }
}
