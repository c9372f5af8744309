internal import SocketSystem

// Options of every kind of socket, socket(7).

extension SocketOption where Value == Bool {
    /// Whether the kernel probes a silent peer now and then (SO_KEEPALIVE). ``keepAliveIdle``,
    /// ``keepAliveInterval`` and ``keepAliveCount`` say when and how often.
    public static var keepAlive: SocketOption { flag("keepAlive", .keepAlive) }

    /// Whether the address can be bound while connections of an earlier socket on it still wind
    /// down (SO_REUSEADDR). For UDP: whether several sockets may share the address. On by default
    /// for listeners, and for TCP clients with a local port of their own.
    public static var reuseAddress: SocketOption { flag("reuseAddress", .reuseAddress) }

    /// Whether several sockets of one user may share the address (SO_REUSEPORT). The kernel then
    /// spreads connections and datagrams over them. Each of them must set it before bind.
    public static var reusePort: SocketOption { flag("reusePort", .reusePort) }

    /// Whether datagrams may be sent to broadcast addresses (SO_BROADCAST).
    public static var broadcast: SocketOption { flag("broadcast", .broadcast) }

    /// Whether the socket listens (SO_ACCEPTCONN). Read only.
    public static var acceptsConnections: SocketOption {
        SocketOption("acceptsConnections") { descriptor throws(Errno) in
            try OptionCalls.integer(.acceptsConnections, on: descriptor) != 0
        }
    }

    /// Whether packets go only to directly connected networks, past the routing table
    /// (SO_DONTROUTE).
    public static var dontRoute: SocketOption { flag("dontRoute", .dontRoute) }

    /// Whether urgent data arrives at its place in the stream (SO_OOBINLINE).
    public static var outOfBandInline: SocketOption { flag("outOfBandInline", .outOfBandInline) }

    /// Whether received datagrams carry the time at which the kernel received them
    /// (SO_TIMESTAMPNS).
    public static var receiveTimestamps: SocketOption { flag("receiveTimestamps", .timestamps) }

    /// Whether received datagrams carry the number of datagrams that the socket has dropped so far
    /// for lack of room (SO_RXQ_OVFL).
    public static var receiveDropCount: SocketOption {
        flag("receiveDropCount", .receiveQueueOverflow)
    }

    /// Whether messages received by a Unix socket carry the sender's process, user and group
    /// (SO_PASSCRED). A stream connection hands them out by `readWithDescriptors`, which needs the
    /// option `receivesDescriptors`.
    public static var receiveCredentials: SocketOption {
        flag("receiveCredentials", .passCredentials)
    }

    /// Whether descriptors can be passed to a Unix socket (SO_PASSRIGHTS). If it is off, a peer
    /// that passes descriptors gets the error number EPERM.
    ///
    /// On by default for packets and datagrams. For streams the option `receivesDescriptors` of the
    /// listener or connection sets it: a stream connection without that option closes what this one
    /// lets in. A connection takes its listener's setting when it is made. `.notSupported` before
    /// Linux 6.16.
    public static var receiveDescriptors: SocketOption { flag("receiveDescriptors", .passRights) }
}

extension SocketOption where Value == Int {
    /// The size of the kernel's send buffer in bytes (SO_SNDBUF).
    ///
    /// Reading gives twice the value that was set, because the kernel doubles it for its own
    /// bookkeeping. `net.core.wmem_max` limits the value. Setting it ends the kernel's own tuning.
    public static var sendBufferSize: SocketOption { integer("sendBufferSize", .sendBufferSize) }

    /// The size of the kernel's receive buffer in bytes (SO_RCVBUF); otherwise as
    /// ``sendBufferSize``, with the limit `net.core.rmem_max`.
    public static var receiveBufferSize: SocketOption {
        integer("receiveBufferSize", .receiveBufferSize)
    }

    /// ``sendBufferSize`` beyond the machine's limit, for privileged processes (SO_SNDBUFFORCE).
    /// Set only.
    public static var sendBufferSizeBeyondLimit: SocketOption {
        setOnly("sendBufferSizeBeyondLimit", .sendBufferSizeForce)
    }

    /// ``receiveBufferSize`` beyond the machine's limit, for privileged processes
    /// (SO_RCVBUFFORCE). Set only.
    public static var receiveBufferSizeBeyondLimit: SocketOption {
        setOnly("receiveBufferSizeBeyondLimit", .receiveBufferSizeForce)
    }

    /// The number of bytes that must have arrived before a stream counts as readable (SO_RCVLOWAT);
    /// 1 by default.
    public static var receiveLowWaterMark: SocketOption {
        integer("receiveLowWaterMark", .receiveLowWaterMark)
    }

    /// The priority of sent packets in the machine's queues, 0...6 for ordinary processes
    /// (SO_PRIORITY).
    public static var priority: SocketOption { integer("priority", .priority) }

    /// The CPU that handles the socket's packets; -1 if there is none yet (SO_INCOMING_CPU).
    public static var incomingCPU: SocketOption { integer("incomingCPU", .incomingCPU) }

    /// The kind of socket, `SOCK_STREAM` and its like (SO_TYPE). Read only.
    public static var socketType: SocketOption { readOnlyInteger("socketType", .socketType) }

    /// The protocol, `IPPROTO_TCP` and its like (SO_PROTOCOL). Read only.
    public static var protocolNumber: SocketOption {
        readOnlyInteger("protocolNumber", .protocolNumber)
    }

    private static func setOnly(_ name: String, _ option: OptionName) -> SocketOption {
        let both = integer(name, option)
        return SocketOption(
            name,
            get: nil,
            set: { descriptor, value throws(Errno) in try both.write(value, to: descriptor) }
        )
    }
}

extension SocketOption where Value == UInt32 {
    /// The mark that the packet filter and the routing rules see on sent packets; for privileged
    /// processes (SO_MARK).
    public static var mark: SocketOption { unsigned("mark", .mark) }
}

extension SocketOption where Value == UInt64 {
    /// A number that no other socket has until the machine boots again (SO_COOKIE). Read only.
    public static var cookie: SocketOption {
        SocketOption("cookie") { descriptor throws(Errno) in
            try OptionCalls.get(.cookie, over: UInt64(0), on: descriptor)
        }
    }

    /// The most bytes per second that the kernel sends on this socket; `UInt64.max` for no limit
    /// (SO_MAX_PACING_RATE).
    public static var maximumPacingRate: SocketOption {
        SocketOption(
            "maximumPacingRate",
            get: { descriptor throws(Errno) in
                try OptionCalls.get(.maximumPacingRate, over: UInt64(0), on: descriptor)
            },
            set: { descriptor, value throws(Errno) in
                try OptionCalls.set(.maximumPacingRate, to: value, on: descriptor)
            }
        )
    }
}

extension SocketOption where Value == String {
    /// The interface that the socket is tied to; empty for none (SO_BINDTODEVICE).
    public static var bindToDevice: SocketOption {
        text("bindToDevice", .bindToDevice, capacity: 16)
    }
}

extension SocketOption where Value == Duration {
    /// The time for which a receive that finds nothing polls the network card before it waits, in
    /// microseconds (SO_BUSY_POLL).
    public static var busyPoll: SocketOption {
        time("busyPoll", .busyPoll, in: .microseconds(1))
    }
}

extension SocketOption where Value == Duration? {
    /// The fate of unsent bytes at close (SO_LINGER).
    ///
    /// nil, the default: the kernel goes on sending in the background. Zero: they are thrown away
    /// and the peer gets a reset. Longer, counted in whole seconds: elsewhere close(2) would wait
    /// so long for the peer to acknowledge them. Here closing never waits, as it must not keep a
    /// loop's thread; the kernel goes on sending as without the option.
    public static var linger: SocketOption {
        SocketOption(
            "linger",
            get: { descriptor throws(Errno) in
                try OptionCalls.lingerSeconds(on: descriptor).map { .seconds($0) }
            },
            set: { descriptor, value throws(Errno) in
                let seconds: CInt? =
                    if let value { try value.count(of: .seconds(1)) } else { nil }
                try OptionCalls.setLinger(seconds: seconds, on: descriptor)
            }
        )
    }
}

extension SocketOption where Value == SocketError.Code? {
    /// The socket's pending error, nil for none; reading clears it (SO_ERROR). Read only.
    public static var error: SocketOption {
        SocketOption("error") { descriptor throws(Errno) in
            let number = try OptionCalls.integer(.error, on: descriptor)
            return number == 0 ? nil : SocketError.Code(Errno(rawValue: number))
        }
    }
}

extension SocketOption where Value == SocketAddress.Family {
    /// The address family (SO_DOMAIN). Read only.
    public static var family: SocketOption {
        SocketOption("family") { descriptor throws(Errno) in
            SocketAddress.Family(rawValue: try OptionCalls.integer(.domain, on: descriptor))
        }
    }
}
