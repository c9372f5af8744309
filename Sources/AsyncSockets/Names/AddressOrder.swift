internal import SocketSystem

/// Sorts addresses of one version so that the best to connect to is the first, RFC 6724, section 6.
///
/// The rules that need more than the addresses and the routes are left out: those of deprecated and
/// mobile addresses. Between equals the order stays. The corresponding system calls are
/// `connect(2)` of a UDP socket, which sends nothing, and `getsockname(2)`.
func sortedForConnecting(_ addresses: [IPAddress]) -> [IPAddress] {
    if addresses.count < 2 { return addresses }
    let ranks = addresses.enumerated().map { index, ip in (rank(of: ip) + [index], ip) }
    return ranks.sorted { $0.0.lexicographicallyPrecedes($1.0) }.map(\.1)
}

/// What is compared, the most important first; the smaller is the better.
private func rank(of ip: IPAddress) -> [Int] {
    let (label, precedence) = policy(of: ip)
    guard let source = source(for: ip) else {
        return [1, 0, 0, -precedence, ip.scope, 0]
    }
    return [
        0, source.scope == ip.scope ? 0 : 1, policy(of: source).label == label ? 0 : 1,
        -precedence, ip.scope, -commonBits(source, ip),
    ]
}

/// The address that this machine would connect from; nil if there is no way there.
private func source(for ip: IPAddress) -> IPAddress? {
    let target = SocketAddress(ip, port: 53).storage
    let kind = SocketKind(family: target.family, type: SocketKind.datagram)
    guard let socket = try? openSocket(kind),
        (try? connectSocket(socket.rawValue, to: target)) != nil,
        let local = try? localAddress(of: socket.rawValue)
    else { return nil }
    return SocketAddress(local)?.ip
}

/// The default policy table of section 2.1.
private func policy(of ip: IPAddress) -> (label: Int, precedence: Int) {
    guard case .v6(let ip) = ip, !ip.isIPv4Mapped else { return (4, 35) }
    if ip.isLoopback { return (0, 50) }
    if ip.high >> 48 == 0x2002 { return (2, 30) }
    if ip.high >> 32 == 0x2001_0000 { return (5, 5) }
    if ip.isUniqueLocal { return (13, 3) }
    if ip.isSiteLocal { return (11, 1) }
    if ip.high >> 48 == 0x3ffe { return (12, 1) }
    if ip.high == 0, ip.low >> 32 == 0 { return (3, 1) }
    return (1, 40)
}

/// How many leading bits of the networks are equal. For IPv4 this would send all clients of a
/// network to the same of a host's addresses.
private func commonBits(_ left: IPAddress, _ right: IPAddress) -> Int {
    guard case (.v6(let left), .v6(let right)) = (left, right) else { return 0 }
    return (left.high ^ right.high).leadingZeroBitCount
}

extension IPAddress {
    /// How far it is valid, section 3.1 and RFC 4291, section 2.7.
    fileprivate var scope: Int {
        if case .v6(let ip) = self {
            if ip.isMulticast { return Int(ip.high >> 48 & 0xf) }
            if ip.isSiteLocal { return 5 }
        }
        return isLinkLocal || isLoopback ? 2 : 14
    }
}

extension IPv6Address {
    /// Whether it lies in `fec0::/10`, which RFC 3879 gave up.
    fileprivate var isSiteLocal: Bool { high >> 54 == 0x3fb }
}
