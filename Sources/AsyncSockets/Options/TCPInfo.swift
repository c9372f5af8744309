/// The kernel's data about a TCP connection at one moment, from `TCP_INFO`.
///
/// Kernels have added fields over the years. A field that the running kernel does not have yet is
/// 0, or nil if 0 has a meaning.
///
/// The fields are described in `struct tcp_info` of the kernel's `linux/tcp.h`.
public struct TCPInfo: Sendable, Hashable {
    /// The state of the connection in TCP's state machine.
    public var state: State
    /// The state of the congestion control.
    public var congestionState: CongestionState
    /// The features that both sides agreed on.
    public var features: Features
    /// The number of bits by which the peer's windows are shifted (what we may send).
    public var sendWindowScale: Int
    /// The number of bits by which this side's windows are shifted (what we receive).
    public var receiveWindowScale: Int

    /// The smoothed round-trip time.
    public var roundTripTime: Duration
    /// The variation of the round-trip time.
    public var roundTripTimeVariation: Duration
    /// The lowest recent round-trip time; nil if none was measured.
    public var minimumRoundTripTime: Duration?
    /// The round-trip time as the receiving direction sees it.
    public var receiveRoundTripTime: Duration
    /// The time until an unacknowledged segment is sent again.
    public var retransmissionTimeout: Duration
    /// The time that an acknowledgement may be held back.
    public var acknowledgementTimeout: Duration

    /// The time since data was last sent.
    public var timeSinceDataSent: Duration
    /// The time since data was last received.
    public var timeSinceDataReceived: Duration
    /// The time since an acknowledgement was last received.
    public var timeSinceAcknowledgementReceived: Duration

    /// The largest segment to send, in bytes.
    public var sendMaximumSegmentSize: Int
    /// The largest segment received so far, as the kernel estimates it, in bytes.
    public var receiveMaximumSegmentSize: Int
    /// The largest segment that this side told the peer to send, in bytes.
    public var advertisedMaximumSegmentSize: Int
    /// The size of the largest packet that passes the path to the peer, in bytes.
    public var pathMTU: Int

    /// The congestion window, in segments.
    public var congestionWindow: Int
    /// The slow-start threshold, in segments; nil before there is one.
    public var slowStartThreshold: Int?
    /// The number of segments that may arrive out of order before one counts as lost.
    public var reordering: Int
    /// The receive window's own slow-start threshold, in bytes.
    public var receiveSlowStartThreshold: Int
    /// The space for received data, in bytes.
    public var receiveSpace: Int
    /// The window that the peer offers, in bytes (Linux 5.4).
    public var peerWindow: Int?
    /// The window that this side offers, in bytes (Linux 6.2).
    public var ownWindow: Int?

    /// Segments sent and not yet acknowledged; on a listener, connections waiting to be accepted.
    public var unacknowledgedSegments: Int
    /// Of those, segments that the peer has out of order; on a listener, the length of its queue.
    public var selectivelyAcknowledgedSegments: Int
    /// Segments that count as lost.
    public var lostSegments: Int
    /// Segments sent again and not yet acknowledged.
    public var retransmittedSegments: Int
    /// Segments sent again since the connection began.
    public var totalRetransmittedSegments: Int
    /// The number of times in a row that the retransmission timer ran out.
    public var retransmissionTimeouts: Int
    /// The number of probes (for the peer's window, or keep-alive) without an answer.
    public var unansweredProbes: Int
    /// The number of times that the timer was doubled.
    public var backoff: Int

    /// Bytes sent, those sent again included.
    public var bytesSent: UInt64
    /// Bytes that the peer acknowledged.
    public var bytesAcknowledged: UInt64
    /// Bytes received.
    public var bytesReceived: UInt64
    /// Bytes sent again.
    public var bytesRetransmitted: UInt64
    /// Bytes written that are not sent yet.
    public var unsentBytes: Int

    /// Segments sent.
    public var segmentsSent: Int
    /// Segments received.
    public var segmentsReceived: Int
    /// Segments with data sent.
    public var dataSegmentsSent: Int
    /// Segments with data received.
    public var dataSegmentsReceived: Int
    /// Segments that arrived out of order.
    public var segmentsReceivedOutOfOrder: Int
    /// Segments delivered, those acknowledged selectively included.
    public var segmentsDelivered: Int
    /// Of those, the number that the network had marked as congested.
    public var segmentsDeliveredWithCongestionMark: Int
    /// Segments that the peer reported as received twice.
    public var duplicatesReported: Int
    /// The number of times that segments were seen to overtake others.
    public var reorderingsSeen: Int

    /// The rate at which data is being sent, in bytes per second; nil for no limit.
    public var pacingRate: UInt64?
    /// The limit of that rate, in bytes per second; nil for no limit.
    public var maximumPacingRate: UInt64?
    /// The recent rate at which data arrived at the peer, in bytes per second.
    public var deliveryRate: UInt64
    /// Whether ``deliveryRate`` was limited by how fast this program wrote.
    public var deliveryRateIsLimitedByApplication: Bool

    /// The time in which there was data to send.
    public var busyTime: Duration
    /// Of that, the time in which the peer's window was full.
    public var timeLimitedByPeerWindow: Duration
    /// Of that, the time in which the send buffer was too small.
    public var timeLimitedBySendBuffer: Duration
}

extension TCPInfo {
    /// The state of a connection, in the words of RFC 9293.
    public struct State: Hashable, Sendable, CustomStringConvertible {
        /// The kernel's number, `TCP_ESTABLISHED` and its like.
        public let rawValue: UInt8

        /// Makes a state from the kernel's number.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Both directions are open.
        public static let established = State(rawValue: 1)
        /// Connecting.
        public static let synSent = State(rawValue: 2)
        /// Being connected to.
        public static let synReceived = State(rawValue: 3)
        /// This side ended its direction, and the peer has not acknowledged that.
        public static let finWait1 = State(rawValue: 4)
        /// This side ended its direction, and the peer has not yet ended its own.
        public static let finWait2 = State(rawValue: 5)
        /// Both sides ended; the kernel still waits for late packets.
        public static let timeWait = State(rawValue: 6)
        /// No connection.
        public static let closed = State(rawValue: 7)
        /// The peer ended its direction, and this side has not yet ended its own.
        public static let closeWait = State(rawValue: 8)
        /// As `closeWait`, and this side's end is not acknowledged yet.
        public static let lastAck = State(rawValue: 9)
        /// A listener.
        public static let listen = State(rawValue: 10)
        /// Both ended at once, and the peer has not acknowledged that.
        public static let closing = State(rawValue: 11)

        /// The name of the member, or the number.
        public var description: String {
            let names = [
                "established", "synSent", "synReceived", "finWait1", "finWait2", "timeWait",
                "closed", "closeWait", "lastAck", "listen", "closing",
            ]
            let index = Int(rawValue) - 1
            return names.indices.contains(index) ? names[index] : "\(rawValue)"
        }
    }

    /// The state of the congestion control.
    public struct CongestionState: Hashable, Sendable, CustomStringConvertible {
        /// The kernel's number, `TCP_CA_Open` and its like.
        public let rawValue: UInt8

        /// Makes a state from the kernel's number.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Nothing unusual.
        public static let open = CongestionState(rawValue: 0)
        /// Some acknowledgements may mean a loss.
        public static let disorder = CongestionState(rawValue: 1)
        /// It slows down because the network reported congestion.
        public static let reduced = CongestionState(rawValue: 2)
        /// It sends lost segments again.
        public static let recovery = CongestionState(rawValue: 3)
        /// The retransmission timer ran out.
        public static let loss = CongestionState(rawValue: 4)

        /// The name of the member, or the number.
        public var description: String {
            let names = ["open", "disorder", "reduced", "recovery", "loss"]
            let index = Int(rawValue)
            return names.indices.contains(index) ? names[index] : "\(rawValue)"
        }
    }

    /// The features that both sides agreed on when the connection was made.
    public struct Features: OptionSet, Hashable, Sendable {
        /// The kernel's bits, `TCPI_OPT_TIMESTAMPS` and its like.
        public let rawValue: UInt8

        /// Makes features from the kernel's bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Segments carry times.
        public static let timestamps = Features(rawValue: 1)
        /// Acknowledgements say what arrived out of order.
        public static let selectiveAcknowledgement = Features(rawValue: 2)
        /// Windows are scaled.
        public static let windowScaling = Features(rawValue: 4)
        /// The network may mark congestion.
        public static let congestionNotification = Features(rawValue: 8)
        /// The network has marked congestion at least once.
        public static let congestionNotificationSeen = Features(rawValue: 16)
        /// The first packet carried data, and the peer accepted it.
        public static let fastOpen = Features(rawValue: 32)
    }
}
