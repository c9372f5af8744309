internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// The common part of UDP and Unix datagram sockets: receiving many datagrams with a system call,
/// sending, and the error queue.
///
/// Every function here has the shape of `Operation` and throws `OperationFailure`; the public types
/// translate it. Any number of tasks may receive and send at once: they take turns.
final class DatagramCore: Sendable {
    /// The socket's membership in its loop.
    let registration: Registration
    /// Errors that the network reported; only UDP turns it on.
    let errors: DatagramErrorQueue
    /// Datagrams of the last receiving call that were not handed out yet. Only the holder of the
    /// lock of reading touches it.
    let queue = MessageQueue()
    /// How datagrams are received.
    let style: Style
    /// Whether the kernel may join datagrams of equal size (UDP_GRO).
    let joinsSegments = Atomic<Bool>(false)
    /// Whether a call was told that the peer has reset the connection; the kernel tells it once.
    private let wasReset = Atomic<Bool>(false)

    /// How datagrams are received.
    enum Style: Sendable {
        /// Up to sixteen a call, each at most 64 KiB: the largest that IP can carry.
        case many
        /// One a call, of up to a megabyte: Unix datagrams can be that large. Their control data is
        /// kept, because it may hold descriptors.
        case large
        /// As `large`, over a connection, which can be reset.
        case packets
    }

    init(registration: Registration, style: Style) {
        self.registration = registration
        self.style = style
        errors = DatagramErrorQueue(socket: registration)
    }

    deinit { close() }

    /// Notes that a connection was reset, if the failure says so; true for the first time.
    @discardableResult
    func noteReset(_ errno: Errno) -> Bool {
        guard style == .packets, errno == .connectionReset else { return false }
        return !wasReset.exchange(true, ordering: .acquiringAndReleasing)
    }

    /// What a receive that met the end of a connection answers: a reset is told behind the packets
    /// that had arrived, and each time.
    var endAttempt: Attempt {
        wasReset.load(ordering: .acquiring)
            ? .failed(.connectionReset) : .done(leaving: .unknown)
    }

    func close() {
        registration.close()
        errors.close()
    }

    /// Reads the UDP socket's options that matter here: the program or another owner may have set
    /// them.
    func learnOptions(of socket: CInt) {
        func isSet(_ option: OptionName) -> Bool {
            ((try? OptionCalls.integer(option, on: socket)) ?? 0) != 0
        }
        joinsSegments.store(isSet(.udpJoinsSegments), ordering: .relaxed)
        errors.turn(on: isSet(.ipReceiveErrors) || isSet(.ipv6ReceiveErrors))
    }
}
