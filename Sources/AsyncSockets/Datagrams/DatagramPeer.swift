internal import SocketSystem

/// Gives an IP datagram socket a peer, connect(2).
///
/// - Returns: The interface that this has bound the socket to, as the kernel does if the peer's
///   address belongs to a link; 0 for none.
func connectDatagramSocket(
    _ socket: CInt,
    to address: AddressStorage
) throws(Errno) -> CInt {
    guard let ipv6 = address.ipv6, isOfLink(ipv6.high) else {
        try connectSocket(socket, to: address)
        return 0
    }
    let before = boundInterface(of: socket)
    try connectSocket(socket, to: address)
    return before == 0 ? boundInterface(of: socket) : 0
}

/// Takes its peer away from an IP datagram socket, and nothing else, connect(2) to the family
/// AF_UNSPEC.
///
/// With the peer the kernel lets go of the interface that the socket is bound to, and of a port
/// that it has chosen itself, be it for bind(2). Both are restored here.
///
/// - Parameters:
///   - socket: The socket.
///   - bound: What `connectDatagramSocket` has returned: that interface goes with the peer.
/// - Throws: `.addressInUse` if another socket has got the port meanwhile; this one has none then.
func dissolveDatagramSocket(_ socket: CInt, boundTo bound: CInt) throws(Errno) {
    let before = try localAddress(of: socket)
    let interface = boundInterface(of: socket)
    try disconnectSocket(socket)
    if interface != 0, interface != bound {
        try OptionCalls.set(.bindToInterface, to: interface, on: socket)
    }
    // An address that the kernel has chosen is gone, one that was bound is there.
    let after = try localAddress(of: socket)
    if let (address, port) = after.ipv4, let old = before.ipv4, port != old.port {
        try bindSocket(socket, to: AddressStorage(ipv4: address, port: old.port))
    } else if let now = after.ipv6, let old = before.ipv6, now.port != old.port {
        let isSame = (now.high, now.low) == (old.high, old.low)
        let scope = isSame ? old.scope : 0
        try bindSocket(
            socket,
            to: AddressStorage(ipv6: now.high, now.low, port: old.port, scope: scope)
        )
    }
}

/// The interface that a socket is bound to; 0 for none.
private func boundInterface(of socket: CInt) -> CInt {
    (try? OptionCalls.integer(.bindToInterface, on: socket)) ?? 0
}
