public import SocketReactor
internal import SocketSystem
internal import Synchronization

/// A connected byte stream: what TCP and Unix stream connections have in common.
///
/// Reading is iterating; the loop ends when the peer has finished sending:
///
/// ```swift
/// for try await chunk in connection {
///     try await connection.write(chunk)
/// }
/// ```
///
/// One task reads at a time: a second one gets `SocketError` with the code `.busy` at once. Any
/// number of tasks may write: each write is contiguous on the wire, in the order of the calls.
/// Reading and writing do not hold each other up.
///
/// A connection that fails, by a reset or because the peer stopped answering, still hands out what
/// had arrived. Every read behind that throws the failure, each time.
///
/// The connection closes when `close()` is called or when nobody refers to it any more.
public class StreamConnection: @unchecked Sendable {
    // What every operation touches comes first: among many connections each cache line counts.

    /// The socket's membership in its event loop.
    @usableFromInline let registration: Registration
    /// Whether `leftover` may hold something, so that a read of a connection without it need not
    /// lock it. Only the holder of the lock of reading changes it.
    let hasLeftover = Atomic<Bool>(false)
    /// Whether the kernel ends a read of this socket where it changes who sent or what was passed,
    /// so that a short read does not mean that all was read.
    let stopsWithin: Atomic<Bool>
    /// Whether buffered reads keep descriptors that the peer passes.
    let receivesDescriptors: Bool
    /// The size of the last chunk, by which the next one's buffer is chosen. A hint.
    let lastChunkSize = Atomic<Int>(0)
    /// How many bytes the kernel took, plus `Int.min` while `isPutOff`. Only the holder of the lock
    /// of writing adds to it.
    let totalBytesWritten = Atomic<Int>(0)
    /// The error number that a call was told of the connection's failure, which the kernel tells
    /// once; 0 for none.
    let toldFailure = Atomic<CInt>(0)
    /// Whether we have begun to end our direction. Only the holder of the lock of writing changes
    /// it.
    let isFinishing = Atomic<Bool>(false)
    /// What was read and not handed out. Only the holder of the lock of reading changes it.
    let leftover = Mutex(Leftover())
    /// The address of the peer, known from the beginning: a dead connection cannot tell it.
    private let peer: SocketAddress?
    /// The file of the connection's own path, if it is a Unix socket that was bound to one.
    private let file: SocketFile?

    init(
        registration: Registration,
        remoteAddress: SocketAddress?,
        file: SocketFile? = nil,
        descriptors: DescriptorPolicy = .refused
    ) {
        self.registration = registration
        peer = remoteAddress
        self.file = file
        stopsWithin = Atomic(descriptors != .refused)
        receivesDescriptors = descriptors == .received
        if descriptors != .refused { registration.noteForeign() }
    }

    deinit {
        registration.remove(file)
        registration.close()
    }

    /// The connection's own address, or nil after it was closed.
    ///
    /// The corresponding system call is `getsockname(2)`.
    public final var localAddress: SocketAddress? { registration.localAddress }

    /// The peer's address; it stays known after the connection has ended.
    ///
    /// The corresponding system call is `getpeername(2)`.
    public final var remoteAddress: SocketAddress? { peer }

    /// How many bytes of all writes so far the kernel has taken.
    ///
    /// After a write that was cancelled or failed, the difference to the value before it says how
    /// much of it went out.
    public final var bytesWritten: Int { totalBytesWritten.load(ordering: .relaxed) & .max }

    /// Whether `close()`, `reset()` or `detach()` was called.
    public final var isClosed: Bool { registration.isClosed }

    /// Translates why an operation ended to what users catch.
    final func error(
        _ failure: OperationFailure,
        _ operation: SocketError.Operation,
        bytesWritten: Int = 0
    ) -> any Error {
        failure.error(
            operation,
            local: localAddress,
            remote: peer,
            bytesWritten: bytesWritten,
            busy: "another task is using this direction of the connection",
            reason: { errno in
                // No read and no write opens a descriptor: the loop could not watch the connection.
                let isSelects = errno == .processDescriptorLimit && registration.loop.usesSelect
                return isSelects ? SocketError.selectLimit : nil
            }
        )
    }
}

// MARK: - The end

extension StreamConnection {
    /// The directions of a connection.
    public struct Direction: Hashable, Sendable {
        let value: ShutdownDirection

        /// What the peer sends to us.
        public static var read: Direction { Direction(value: .read) }
        /// What we send to the peer.
        public static var write: Direction { Direction(value: .write) }
        /// Both.
        public static var both: Direction { Direction(value: .both) }
    }

    /// Ends one direction of the connection.
    ///
    /// `shutdown(.write)` tells the peer that no more bytes will come, while reading goes on: the
    /// half-close. Doing it twice is no error. `shutdown(.read)` makes reads that wait return the
    /// end of the stream. The peer is not told; over TCP, what it has sent or sends nevertheless
    /// can still be read.
    ///
    /// A connection that fast open has put off (``ConnectOptions/fastOpen``) is made now, and the
    /// direction ends as soon as it is there; the call does not wait for that.
    ///
    /// The corresponding system call is `shutdown(2)`.
    ///
    /// - Parameter direction: Which direction ends.
    /// - Throws: `SocketError`: `.busy` while a write is in progress, `.closed` after `close()`,
    ///   `.notConnected` if the connection has already ended.
    public final func shutdown(_ direction: Direction) throws(SocketError) {
        if direction != .read {
            guard registration.tryLock(.write) else {
                if isClosed { throw SocketError(.shutdown, code: .closed, remote: remoteAddress) }
                // An earlier call waits for a connection that was put off.
                if isPutOff, isFinishing.load(ordering: .acquiring) {
                    return shutdownOnceConnected(direction.value)
                }
                throw SocketError(
                    .shutdown,
                    code: .busy,
                    local: localAddress,
                    remote: remoteAddress,
                    reason: "a write is in progress"
                )
            }
            isFinishing.store(true, ordering: .releasing)
        }
        defer { if direction != .read { registration.end(.write, leaving: .unknown) } }
        do throws(Errno) {
            let done: Void? = try registration.use { (socket) throws(Errno) in
                if isPutOff { return try shutdown(direction.value, connecting: socket) }
                try shutdownSocket(socket, direction.value)
            }
            guard done == nil else { return }
        } catch {
            throw SocketError(.shutdown, error, local: localAddress, remote: remoteAddress)
        }
        throw SocketError(.shutdown, code: .closed, remote: remoteAddress)
    }

    /// Closes the connection. Operations that wait for it throw `SocketError` with the code
    /// `.closed`; so do all later ones. Closing twice is no error.
    ///
    /// Bytes that were written are still sent, if the peer has sent none that nobody read. If it
    /// has, or sends more, the kernel resets the connection at once (RFC 2525, section 2.17): what
    /// was written and is still under way is lost. An answer that must arrive while the peer may be
    /// sending is ended with `shutdown(.write)`, and what comes is read to its end before
    /// `close()`.
    ///
    /// The corresponding system call is `close(2)`.
    public final func close() {
        registration.remove(file)
        dropDescriptors()
        registration.close()
    }

    /// Takes the descriptor out of the connection, which is then closed without closing it.
    ///
    /// Unread bytes that the connection has already taken from the kernel are lost to the
    /// descriptor; `unreadBytes` has them. The file of a Unix connection's own path stays.
    ///
    /// - Returns: The descriptor, non-blocking and close-on-exec. The caller must close it.
    /// - Throws: `SocketError`: `.busy` while an operation is in progress, `.closed` after
    ///   `close()`.
    public final func detach() throws(SocketError) -> CInt {
        if isPutOff { _ = registration.use { connect($0) } }
        let descriptor = try registration.takeOut(remote: remoteAddress)
        file?.keep()
        dropDescriptors()
        return descriptor
    }

    /// Closes passed descriptors that no read has handed out.
    private func dropDescriptors() {
        if receivesDescriptors { leftover.withLock { $0.dropCompanions() } }
    }

    /// Bytes that were read from the kernel and that no read has returned yet.
    public final var unreadBytes: [UInt8] { leftover.withLock { [UInt8]($0.unread) } }
}
