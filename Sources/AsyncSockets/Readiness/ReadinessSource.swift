internal import SocketReactor
internal import SocketSystem

/// Waits until a descriptor of someone else's can be read or written: that of a C library, an
/// inotify, a timerfd, a pipe.
///
/// ```swift
/// let source = try ReadinessSource(watching: PQsocket(database))
/// while PQisBusy(database) != 0 {
///     try await source.readable()
///     PQconsumeInput(database)
/// }
/// ```
///
/// What is reported is the descriptor's state, not its changes: as long as there is something to
/// read, `readable()` returns at once. So nothing is missed, whatever was or was not read before.
/// Between the report and a read another reader may have been faster: a read that must not block
/// needs a non-blocking descriptor.
///
/// The source watches a duplicate (`fcntl(2)`, F_DUPFD_CLOEXEC), so that closing the original
/// cannot let the source watch a stranger that got its number. The open file lives until both are
/// closed: close the source, or drop it, when the library closes its descriptor.
public final class ReadinessSource: Sendable {
    private let registration: Registration

    /// Begins to watch a descriptor, whose flags and owner stay as they are.
    ///
    /// - Parameters:
    ///   - descriptor: Any descriptor that can be waited for: a socket, a pipe, a terminal, an
    ///     eventfd, a timerfd, an inotify, a pidfd.
    ///   - group: The loops that watch it.
    /// - Throws: `SocketError`: `.permissionDenied` (EPERM) for a file or directory, which can
    ///   always be read; `.tooManyDescriptors`; EBADF where the number is no open descriptor.
    public init(
        watching descriptor: CInt,
        on group: EventLoopGroup = .shared
    ) throws(SocketError) {
        let duplicate: Descriptor
        do throws(Errno) {
            duplicate = try duplicateDescriptor(descriptor)
        } catch {
            throw SocketError(.watch, error)
        }
        registration = try group.register(duplicate, for: .watch)
    }

    /// Takes a descriptor that nobody else knows.
    init(
        owning descriptor: consuming Descriptor,
        on group: EventLoopGroup
    ) throws(SocketError) {
        registration = try group.register(descriptor, for: .watch)
    }

    deinit { registration.close() }

    /// Waits until the descriptor can be read, or has ended or failed, so that a read does not
    /// block.
    ///
    /// Several tasks may wait. The corresponding system call is `poll(2)`, with POLLIN, POLLPRI and
    /// POLLRDHUP.
    ///
    /// - Throws: `SocketError` with the code `.closed` after `close()`; `CancellationError` where
    ///   the task was cancelled.
    public func readable() async throws {
        try await wait(.read)
    }

    /// Waits until the descriptor can be written to, or has failed, so that a small write does not
    /// block.
    ///
    /// Several tasks may wait. The corresponding system call is `poll(2)`, with POLLOUT.
    ///
    /// - Throws: `SocketError` with the code `.closed` after `close()`; `CancellationError` where
    ///   the task was cancelled.
    public func writable() async throws {
        try await wait(.write)
    }

    /// Whether `close()` was called, or the loops were shut down.
    public var isClosed: Bool { registration.isClosed }

    /// Ends the watching. Who waits gets `SocketError` with the code `.closed`; the watched
    /// descriptor itself stays open. Closing twice is no error.
    public func close() { registration.close() }

    private func wait(_ direction: SocketReactor.Direction) async throws {
        do throws(OperationFailure) {
            try await untilReady(registration, for: direction)
        } catch {
            throw error.error(.watch)
        }
    }
}
