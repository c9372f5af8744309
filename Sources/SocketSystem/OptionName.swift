internal import Glibc

/// A socket option's two numbers, as getsockopt(2) takes them.
package struct OptionName: Hashable, Sendable {
    /// The protocol that the option belongs to, `SOL_SOCKET` and its like.
    package let level: CInt

    /// The option's number within the protocol.
    package let name: CInt

    package init(level: CInt, name: CInt) {
        self.level = level
        self.name = name
    }
}

// Sockets.
extension OptionName {
    package static let acceptsConnections = Self(level: SOL_SOCKET, name: SO_ACCEPTCONN)
    package static let bindToDevice = Self(level: SOL_SOCKET, name: SO_BINDTODEVICE)
    /// SO_BINDTOIFINDEX, which Glibc's module does not show.
    package static let bindToInterface = Self(level: SOL_SOCKET, name: 62)
    package static let broadcast = Self(level: SOL_SOCKET, name: SO_BROADCAST)
    package static let busyPoll = Self(level: SOL_SOCKET, name: SO_BUSY_POLL)
    package static let cookie = Self(level: SOL_SOCKET, name: SO_COOKIE)
    package static let domain = Self(level: SOL_SOCKET, name: SO_DOMAIN)
    package static let dontRoute = Self(level: SOL_SOCKET, name: SO_DONTROUTE)
    package static let error = Self(level: SOL_SOCKET, name: SO_ERROR)
    package static let incomingCPU = Self(level: SOL_SOCKET, name: SO_INCOMING_CPU)
    package static let keepAlive = Self(level: SOL_SOCKET, name: SO_KEEPALIVE)
    package static let linger = Self(level: SOL_SOCKET, name: SO_LINGER)
    package static let mark = Self(level: SOL_SOCKET, name: SO_MARK)
    package static let maximumPacingRate = Self(level: SOL_SOCKET, name: SO_MAX_PACING_RATE)
    package static let outOfBandInline = Self(level: SOL_SOCKET, name: SO_OOBINLINE)
    package static let passCredentials = Self(level: SOL_SOCKET, name: SO_PASSCRED)
    /// SO_PASSPIDFD, since Linux 6.5, which Glibc's module does not show.
    package static let passProcess = Self(level: SOL_SOCKET, name: 76)
    /// SO_PASSRIGHTS, since Linux 6.16, which Glibc's module does not show.
    package static let passRights = Self(level: SOL_SOCKET, name: 83)
    package static let priority = Self(level: SOL_SOCKET, name: SO_PRIORITY)
    package static let protocolNumber = Self(level: SOL_SOCKET, name: SO_PROTOCOL)
    package static let receiveBufferSize = Self(level: SOL_SOCKET, name: SO_RCVBUF)
    package static let receiveBufferSizeForce = Self(level: SOL_SOCKET, name: SO_RCVBUFFORCE)
    package static let receiveLowWaterMark = Self(level: SOL_SOCKET, name: SO_RCVLOWAT)
    package static let reuseAddress = Self(level: SOL_SOCKET, name: SO_REUSEADDR)
    package static let reusePort = Self(level: SOL_SOCKET, name: SO_REUSEPORT)
    package static let receiveQueueOverflow = Self(level: SOL_SOCKET, name: SO_RXQ_OVFL)
    /// SO_SELECT_ERR_QUEUE, socket(7), which Glibc's module does not show.
    package static let selectErrorQueue = Self(level: SOL_SOCKET, name: 45)
    package static let sendBufferSize = Self(level: SOL_SOCKET, name: SO_SNDBUF)
    package static let sendBufferSizeForce = Self(level: SOL_SOCKET, name: SO_SNDBUFFORCE)
    package static let timestamps = Self(level: SOL_SOCKET, name: SO_TIMESTAMPNS)
    package static let socketType = Self(level: SOL_SOCKET, name: SO_TYPE)
}

// TCP.
extension OptionName {
    package static let tcpCongestionControl = Self(level: CInt(IPPROTO_TCP), name: TCP_CONGESTION)
    package static let tcpCork = Self(level: CInt(IPPROTO_TCP), name: TCP_CORK)
    package static let tcpDeferAccept = Self(level: CInt(IPPROTO_TCP), name: TCP_DEFER_ACCEPT)
    package static let tcpFastOpen = Self(level: CInt(IPPROTO_TCP), name: TCP_FASTOPEN)
    package static let tcpFastOpenConnect = Self(
        level: CInt(IPPROTO_TCP),
        name: TCP_FASTOPEN_CONNECT
    )
    package static let tcpInfo = Self(level: CInt(IPPROTO_TCP), name: TCP_INFO)
    package static let tcpKeepAliveCount = Self(level: CInt(IPPROTO_TCP), name: TCP_KEEPCNT)
    package static let tcpKeepAliveIdle = Self(level: CInt(IPPROTO_TCP), name: TCP_KEEPIDLE)
    package static let tcpKeepAliveInterval = Self(level: CInt(IPPROTO_TCP), name: TCP_KEEPINTVL)
    package static let tcpOrphanTimeout = Self(level: CInt(IPPROTO_TCP), name: TCP_LINGER2)
    package static let tcpMaximumSegmentSize = Self(level: CInt(IPPROTO_TCP), name: TCP_MAXSEG)
    package static let tcpNoDelay = Self(level: CInt(IPPROTO_TCP), name: TCP_NODELAY)
    package static let tcpUnsentLowWaterMark = Self(
        level: CInt(IPPROTO_TCP),
        name: TCP_NOTSENT_LOWAT
    )
    package static let tcpQuickAck = Self(level: CInt(IPPROTO_TCP), name: TCP_QUICKACK)
    package static let tcpSYNRetries = Self(level: CInt(IPPROTO_TCP), name: TCP_SYNCNT)
    package static let tcpUserTimeout = Self(level: CInt(IPPROTO_TCP), name: TCP_USER_TIMEOUT)
    package static let tcpWindowClamp = Self(level: CInt(IPPROTO_TCP), name: TCP_WINDOW_CLAMP)
}

// UDP.
extension OptionName {
    /// UDP_GRO of udp(7), which Glibc's module does not show.
    package static let udpJoinsSegments = Self(level: CInt(IPPROTO_UDP), name: 104)
}

// IPv4.
extension OptionName {
    package static let ipBindAddressNoPort = Self(
        level: CInt(IPPROTO_IP),
        name: IP_BIND_ADDRESS_NO_PORT
    )
    package static let ipFreeBind = Self(level: CInt(IPPROTO_IP), name: IP_FREEBIND)
    package static let ipMTU = Self(level: CInt(IPPROTO_IP), name: IP_MTU)
    package static let ipMTUDiscovery = Self(level: CInt(IPPROTO_IP), name: IP_MTU_DISCOVER)
    package static let ipMulticastAll = Self(level: CInt(IPPROTO_IP), name: IP_MULTICAST_ALL)
    package static let ipMulticastInterface = Self(level: CInt(IPPROTO_IP), name: IP_MULTICAST_IF)
    package static let ipMulticastLoopback = Self(level: CInt(IPPROTO_IP), name: IP_MULTICAST_LOOP)
    package static let ipMulticastTimeToLive = Self(level: CInt(IPPROTO_IP), name: IP_MULTICAST_TTL)
    package static let ipPacketInfo = Self(level: CInt(IPPROTO_IP), name: IP_PKTINFO)
    package static let ipReceiveErrors = Self(level: CInt(IPPROTO_IP), name: IP_RECVERR)
    package static let ipReceiveTypeOfService = Self(level: CInt(IPPROTO_IP), name: IP_RECVTOS)
    package static let ipReceiveTimeToLive = Self(level: CInt(IPPROTO_IP), name: IP_RECVTTL)
    package static let ipTransparent = Self(level: CInt(IPPROTO_IP), name: IP_TRANSPARENT)
    package static let ipTimeToLive = Self(level: CInt(IPPROTO_IP), name: IP_TTL)
    package static let ipTypeOfService = Self(level: CInt(IPPROTO_IP), name: IP_TOS)
}

// IPv6.
extension OptionName {
    package static let ipv6HopLimit = Self(level: CInt(IPPROTO_IPV6), name: IPV6_UNICAST_HOPS)
    package static let ipv6MTU = Self(level: CInt(IPPROTO_IPV6), name: IPV6_MTU)
    package static let ipv6MTUDiscovery = Self(level: CInt(IPPROTO_IPV6), name: IPV6_MTU_DISCOVER)
    package static let ipv6MulticastAll = Self(level: CInt(IPPROTO_IPV6), name: IPV6_MULTICAST_ALL)
    package static let ipv6MulticastHopLimit = Self(
        level: CInt(IPPROTO_IPV6),
        name: IPV6_MULTICAST_HOPS
    )
    package static let ipv6MulticastInterface = Self(
        level: CInt(IPPROTO_IPV6),
        name: IPV6_MULTICAST_IF
    )
    package static let ipv6MulticastLoopback = Self(
        level: CInt(IPPROTO_IPV6),
        name: IPV6_MULTICAST_LOOP
    )
    package static let ipv6Only = Self(level: CInt(IPPROTO_IPV6), name: IPV6_V6ONLY)
    package static let ipv6ReceiveErrors = Self(level: CInt(IPPROTO_IPV6), name: IPV6_RECVERR)
    package static let ipv6ReceiveHopLimit = Self(
        level: CInt(IPPROTO_IPV6),
        name: IPV6_RECVHOPLIMIT
    )
    package static let ipv6ReceivePacketInfo = Self(
        level: CInt(IPPROTO_IPV6),
        name: IPV6_RECVPKTINFO
    )
    package static let ipv6ReceiveTrafficClass = Self(
        level: CInt(IPPROTO_IPV6),
        name: IPV6_RECVTCLASS
    )
    package static let ipv6TrafficClass = Self(level: CInt(IPPROTO_IPV6), name: IPV6_TCLASS)
}
