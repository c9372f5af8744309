internal import Glibc

/// What a socket is made of: the three arguments of socket(2).
package struct SocketKind: Hashable, Sendable {
    package let family: CInt
    package let type: CInt
    package let proto: CInt

    package init(family: CInt, type: CInt, proto: CInt = 0) {
        self.family = family
        self.type = type
        self.proto = proto
    }

    package static func tcp(_ family: CInt) -> SocketKind {
        SocketKind(family: family, type: stream, proto: CInt(IPPROTO_TCP))
    }

    /// The number of UDP, RFC 768.
    package static var udpProtocol: CInt { CInt(IPPROTO_UDP) }

    package static var stream: CInt { CInt(SOCK_STREAM.rawValue) }
    package static var datagram: CInt { CInt(SOCK_DGRAM.rawValue) }
    package static var sequencedPacket: CInt { CInt(SOCK_SEQPACKET.rawValue) }
    package static var internetFamilies: [CInt] { [AF_INET, AF_INET6] }
}

extension SocketKind {
    /// A Unix socket of a type.
    package static func unix(_ type: CInt) -> SocketKind {
        SocketKind(family: AF_UNIX, type: type)
    }

    /// The family of Unix sockets.
    package static var unixFamilies: [CInt] { [AF_UNIX] }
}
