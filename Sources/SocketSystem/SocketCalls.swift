internal import CSocketSystem
internal import Glibc

/// Makes a socket, socket(2).
package func openSocket(_ kind: SocketKind) throws(Errno) -> Descriptor {
    Descriptor(owning: try check(csock_socket(kind.family, kind.type, kind.proto)))
}

/// Gives a socket its local address, bind(2).
package func bindSocket(_ socket: CInt, to address: AddressStorage) throws(Errno) {
    try unsafe address.withSockaddr { (pointer, length) throws(Errno) in
        // SAFETY: the pointer is valid for `length` bytes during the call.
        _ = try check(unsafe csock_bind(socket, pointer, length))
    }
}

/// Lets a socket be connected to, listen(2). The kernel caps `backlog` at net.core.somaxconn.
package func listenSocket(_ socket: CInt, backlog: CInt) throws(Errno) {
    try check(csock_listen(socket, backlog))
}

/// Takes the next connection from a listener's queue, accept4(2), and its peer's address.
package func acceptSocket(
    _ socket: CInt,
    peer: inout AddressStorage
) throws(Errno) -> Descriptor {
    let accepted = try unsafe peer.withMutableSockaddr { (pointer, length) throws(Errno) in
        // SAFETY: the pointer is valid for `length` bytes; the kernel writes no more than that.
        try check(unsafe csock_accept(socket, pointer, &length))
    }
    return Descriptor(owning: accepted)
}

/// Starts or finishes a connection, connect(2). `EINPROGRESS` means: wait until the socket is
/// writable.
package func connectSocket(_ socket: CInt, to address: AddressStorage) throws(Errno) {
    try unsafe address.withSockaddr { (pointer, length) throws(Errno) in
        // SAFETY: the pointer is valid for `length` bytes during the call.
        _ = try check(unsafe csock_connect(socket, pointer, length))
    }
}

/// Ends one or both directions of a connection, shutdown(2).
package func shutdownSocket(_ socket: CInt, _ direction: ShutdownDirection) throws(Errno) {
    try check(csock_shutdown(socket, direction.rawValue))
}

/// A socket's own address, getsockname(2).
package func localAddress(of socket: CInt) throws(Errno) -> AddressStorage {
    var address = AddressStorage()
    try unsafe address.withMutableSockaddr { (pointer, length) throws(Errno) in
        // SAFETY: the pointer is valid for `length` bytes; the kernel writes no more than that.
        _ = try check(unsafe csock_getsockname(socket, pointer, &length))
    }
    return address
}

/// The address that a socket is connected to, getpeername(2).
package func remoteAddress(of socket: CInt) throws(Errno) -> AddressStorage {
    var address = AddressStorage()
    try unsafe address.withMutableSockaddr { (pointer, length) throws(Errno) in
        // SAFETY: the pointer is valid for `length` bytes; the kernel writes no more than that.
        _ = try check(unsafe csock_getpeername(socket, pointer, &length))
    }
    return address
}

/// What went wrong with a socket since the last such call, SO_ERROR in socket(7); 0 for nothing.
package func pendingError(of socket: CInt) throws(Errno) -> Errno {
    Errno(rawValue: try OptionCalls.integer(.error, on: socket))
}

/// Fails unless a descriptor is a socket of a type and one of some families, SO_TYPE, SO_DOMAIN and
/// SO_PROTOCOL in socket(7); `proto` is for a type that several protocols have.
package func requireSocket(
    _ socket: CInt,
    type: CInt,
    families: [CInt],
    proto: CInt? = nil
) throws(Errno) {
    guard try OptionCalls.integer(.socketType, on: socket) == type else { throw .invalidArgument }
    let family = try OptionCalls.integer(.domain, on: socket)
    guard families.contains(family) else { throw .wrongAddressFamily }
    guard let proto else { return }
    guard try OptionCalls.integer(.protocolNumber, on: socket) == proto else {
        throw .protocolNotSupported
    }
}

/// Fails unless a socket listens, SO_ACCEPTCONN in socket(7).
package func requireListening(_ socket: CInt) throws(Errno) {
    guard try OptionCalls.integer(.acceptsConnections, on: socket) != 0 else {
        throw .invalidArgument
    }
}
