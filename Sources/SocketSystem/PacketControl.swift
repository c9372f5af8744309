internal import Glibc

/// What the kernel says about a received IP datagram, as far as the socket asked for it.
package struct PacketControl: Sendable {
    /// The address that the datagram was sent to; its port is 0.
    package var destination: AddressStorage?
    /// The address of this machine that an answer comes from: the same, or for a group or a
    /// broadcast one of the interface, if the kernel says which; its port is 0.
    package var local: AddressStorage?
    /// The interface that it came in by.
    package var interface: UInt32?
    /// How many more routers it could have passed.
    package var hopLimit: UInt8?
    /// The header's traffic class: the code point in the upper six bits, ECN in the lower two.
    package var trafficClass: UInt8?
    /// When it arrived, by the machine's clock, since 1970.
    package var timestamp: (seconds: Int64, nanoseconds: Int64)?
    /// The size of the datagrams that were joined into one buffer, UDP_GRO; the last may be
    /// shorter.
    package var segmentSize: Int?
    /// How many datagrams this socket has lost for want of room, SO_RXQ_OVFL.
    package var dropCount: UInt32?

    /// Nothing is known.
    package init() {}

    /// Reads control data; what is garbled is left out.
    package init(_ control: Span<UInt8>) {
        var result = PacketControl()
        ControlMessage.forEach(in: control) { level, type, data in
            switch level {
            case CInt(IPPROTO_IP): result.readIPv4(type, data)
            case CInt(IPPROTO_IPV6): result.readIPv6(type, data)
            case SOL_SOCKET: result.readSocket(type, data)
            case CInt(IPPROTO_UDP):
                guard type == udpGRO, data.count >= 4 else { return }
                let size: CInt = data.integer(at: 0)
                if size > 0 { result.segmentSize = Int(size) }
            default: return
            }
        }
        self = result
    }

    private mutating func readIPv4(_ type: CInt, _ data: Span<UInt8>) {
        switch type {
        case IP_PKTINFO where data.count >= 12:
            // Index, the local address that was chosen, the address in the header.
            interface = UInt32(bitPattern: data.integer(at: 0) as CInt)
            let address: UInt32 = data.integer(at: 8)
            destination = AddressStorage(ipv4: UInt32(bigEndian: address), port: 0)
            let chosen: UInt32 = data.integer(at: 4)
            if chosen != 0 { local = AddressStorage(ipv4: UInt32(bigEndian: chosen), port: 0) }
        case IP_TTL where data.count >= 4:
            hopLimit = UInt8(truncatingIfNeeded: data.integer(at: 0) as CInt)
        case IP_TOS where data.count >= 1:
            trafficClass = data[0]
        default: return
        }
    }

    private mutating func readIPv6(_ type: CInt, _ data: Span<UInt8>) {
        switch type {
        case IPV6_PKTINFO where data.count >= 20:
            let index: UInt32 = data.integer(at: 16)
            let high = UInt64(bigEndian: data.integer(at: 0))
            let low = UInt64(bigEndian: data.integer(at: 8))
            interface = index
            // An address of a link means something with its interface only.
            let scope = isOfLink(high) ? index : 0
            destination = AddressStorage(ipv6: high, low, port: 0, scope: scope)
            // IPv4's own answer is better, whichever comes first: it knows of groups too.
            let isMapped = high == 0 && low >> 32 == 0xffff
            if high >> 56 != 0xff, !isMapped { local = destination }
        case IPV6_HOPLIMIT where data.count >= 4:
            hopLimit = UInt8(truncatingIfNeeded: data.integer(at: 0) as CInt)
        case IPV6_TCLASS where data.count >= 4:
            trafficClass = UInt8(truncatingIfNeeded: data.integer(at: 0) as CInt)
        default: return
        }
    }

    private mutating func readSocket(_ type: CInt, _ data: Span<UInt8>) {
        switch type {
        case SO_TIMESTAMPNS where data.count >= 16:
            timestamp = (data.integer(at: 0), data.integer(at: 8))
        case SO_RXQ_OVFL where data.count >= 4:
            dropCount = data.integer(at: 0)
        default: return
        }
    }
}

extension ControlBuilder {
    /// Sends from this local address and by this interface; nil and 0 leave the choice to the
    /// routing table.
    package mutating func append(source: AddressStorage?, interface: UInt32, family: CInt) {
        var data: [UInt8] = []
        if family == AF_INET {
            data.append(integer: interface)
            data.append(integer: (source?.ipv4?.address ?? 0).bigEndian)
            data.append(integer: UInt32(0))
            append(level: CInt(IPPROTO_IP), type: IP_PKTINFO, data: data)
        } else {
            data.append(integer: (source?.ipv6?.high ?? 0).bigEndian)
            data.append(integer: (source?.ipv6?.low ?? 0).bigEndian)
            data.append(integer: interface)
            append(level: CInt(IPPROTO_IPV6), type: IPV6_PKTINFO, data: data)
        }
    }

    /// Sends with this limit of routers.
    package mutating func append(hopLimit: UInt8, family: CInt) {
        if family == AF_INET {
            append(level: CInt(IPPROTO_IP), type: IP_TTL, integer: CInt(hopLimit))
        } else {
            append(level: CInt(IPPROTO_IPV6), type: IPV6_HOPLIMIT, integer: CInt(hopLimit))
        }
    }

    /// Sends with this traffic class: code point and ECN.
    package mutating func append(trafficClass: UInt8, family: CInt) {
        if family == AF_INET {
            append(level: CInt(IPPROTO_IP), type: IP_TOS, integer: CInt(trafficClass))
        } else {
            append(level: CInt(IPPROTO_IPV6), type: IPV6_TCLASS, integer: CInt(trafficClass))
        }
    }

    /// Lets the kernel cut the message into datagrams of this size, UDP_SEGMENT in udp(7).
    package mutating func append(segmentSize: UInt16) {
        append(level: CInt(IPPROTO_UDP), type: udpSegment, integer: segmentSize)
    }
}

/// UDP_SEGMENT and UDP_GRO of udp(7), which the C library's headers do not show to Swift.
private let udpSegment: CInt = 103
private let udpGRO: CInt = OptionName.udpJoinsSegments.name
