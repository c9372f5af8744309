internal import SocketSystem

// Options of TCP sockets, tcp(7).

extension SocketOption where Value == Bool {
    /// Whether small writes are sent at once (TCP_NODELAY). Otherwise the kernel gathers them until
    /// earlier ones are acknowledged. On by default in this library.
    public static var noDelay: SocketOption { flag("noDelay", .tcpNoDelay) }

    /// Whether only full segments are sent (TCP_CORK). It holds until this is set to false; the
    /// kernel waits at most 200 ms with an incomplete segment.
    public static var cork: SocketOption { flag("cork", .tcpCork) }

    /// Whether acknowledgements are sent at once (TCP_QUICKACK). Not a lasting setting: the kernel
    /// changes it as the traffic goes.
    public static var quickAck: SocketOption { flag("quickAck", .tcpQuickAck) }

    /// Whether the first write goes with the connection's first packet, if the peer is known to
    /// accept that (TCP_FASTOPEN_CONNECT). Set it before connect.
    public static var fastOpenConnect: SocketOption {
        flag("fastOpenConnect", .tcpFastOpenConnect)
    }
}

extension SocketOption where Value == Int {
    /// The number of unanswered ``keepAlive`` probes that ends the connection (TCP_KEEPCNT),
    /// 1...127.
    public static var keepAliveCount: SocketOption {
        integer("keepAliveCount", .tcpKeepAliveCount)
    }

    /// The number of connections with data in their first packet that may wait on a listener; 0 for
    /// no TCP Fast Open (TCP_FASTOPEN).
    public static var fastOpen: SocketOption { integer("fastOpen", .tcpFastOpen) }

    /// The largest segment to send, in bytes (TCP_MAXSEG). Before the connection is established it
    /// is only a wish, and reading gives the default.
    public static var maximumSegmentSize: SocketOption {
        integer("maximumSegmentSize", .tcpMaximumSegmentSize)
    }

    /// The number of times that a connection's first packet is sent again before connect fails,
    /// 1...127 (TCP_SYNCNT).
    public static var connectRetries: SocketOption { integer("connectRetries", .tcpSYNRetries) }

    /// The largest receive window to offer, in bytes (TCP_WINDOW_CLAMP).
    public static var windowClamp: SocketOption { integer("windowClamp", .tcpWindowClamp) }
}

extension SocketOption where Value == UInt32 {
    /// The limit of unsent bytes in the buffer, above which a stream is not writable
    /// (TCP_NOTSENT_LOWAT); `UInt32.max` for no limit.
    public static var unsentLowWaterMark: SocketOption {
        unsigned("unsentLowWaterMark", .tcpUnsentLowWaterMark)
    }
}

extension SocketOption where Value == Duration {
    /// The time that a peer must be silent before the first ``keepAlive`` probe, in whole seconds
    /// (TCP_KEEPIDLE).
    public static var keepAliveIdle: SocketOption {
        time("keepAliveIdle", .tcpKeepAliveIdle, in: .seconds(1))
    }

    /// The time between ``keepAlive`` probes, in whole seconds (TCP_KEEPINTVL).
    public static var keepAliveInterval: SocketOption {
        time("keepAliveInterval", .tcpKeepAliveInterval, in: .seconds(1))
    }

    /// The time that sent bytes may stay unacknowledged before the connection ends with a timeout,
    /// in milliseconds; zero for the kernel's own limit (TCP_USER_TIMEOUT).
    public static var userTimeout: SocketOption {
        time("userTimeout", .tcpUserTimeout, in: .milliseconds(1))
    }

    /// The time that a listener holds back a connection that has not sent anything yet, in whole
    /// seconds; zero hands it out at once (TCP_DEFER_ACCEPT). The kernel counts it in
    /// retransmissions, so reading can give more than was set.
    public static var deferAccept: SocketOption {
        time("deferAccept", .tcpDeferAccept, in: .seconds(1))
    }
}

extension SocketOption where Value == Duration? {
    /// The time that a closed connection waits for the peer's end, in whole seconds; nil for not at
    /// all (TCP_LINGER2).
    public static var orphanTimeout: SocketOption {
        SocketOption(
            "orphanTimeout",
            get: { descriptor throws(Errno) in
                let seconds = try OptionCalls.integer(.tcpOrphanTimeout, on: descriptor)
                return seconds < 0 ? nil : .seconds(seconds)
            },
            set: { descriptor, value throws(Errno) in
                let seconds = if let value { try value.count(of: .seconds(1)) } else { CInt(-1) }
                try OptionCalls.set(.tcpOrphanTimeout, to: seconds, on: descriptor)
            }
        )
    }
}

extension SocketOption where Value == String {
    /// The name of the congestion control algorithm, such as `cubic` (TCP_CONGESTION).
    public static var congestionControl: SocketOption {
        text("congestionControl", .tcpCongestionControl, capacity: 16)
    }
}

extension SocketOption where Value == TCPInfo {
    /// The kernel's data about the connection at this moment (TCP_INFO). Read only.
    public static var tcpInfo: SocketOption {
        SocketOption("tcpInfo") { descriptor throws(Errno) in
            // More than any kernel has today. A longer structure is cut after the known fields.
            TCPInfo(try OptionCalls.getBytes(.tcpInfo, capacity: 512, on: descriptor))
        }
    }
}
