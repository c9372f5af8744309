internal import Glibc

/// An entry of a socket's error queue, MSG_ERRQUEUE in recv(2): what became of a datagram sent.
package struct QueuedError: Sendable {
    /// What went wrong.
    package let errno: Errno
    /// The source of the report: one of the `Origin` numbers below.
    package let origin: UInt8
    /// ICMP's type, if the report came by ICMP.
    package let type: UInt8
    /// ICMP's code, if the report came by ICMP.
    package let code: UInt8
    /// More about it: the path MTU for EMSGSIZE.
    package let info: UInt32
    /// The address that the failed datagram was sent to.
    package let destination: AddressStorage?
    /// The host that reported the failure.
    package let offender: AddressStorage?
    /// The beginning of the failed datagram, as much of it as the report carried.
    package let payload: [UInt8]

    /// The kernel itself refused it, before it left.
    package static var localOrigin: UInt8 { 1 }
    /// ICMP for IPv4.
    package static var icmpOrigin: UInt8 { 2 }
    /// ICMP for IPv6.
    package static var icmpv6Origin: UInt8 { 3 }
}

/// Takes the oldest entry out of a socket's error queue, recvmsg(2) with MSG_ERRQUEUE; nil if it is
/// empty.
package func takeQueuedError(from socket: CInt) throws(Errno) -> QueuedError? {
    var destination = AddressStorage()
    var payload = [UInt8](repeating: 0, count: 1024)
    var control = [UInt8](repeating: 0, count: 512)
    var payloadSpan = payload.mutableSpan
    var controlSpan = control.mutableSpan
    let received = receiveMessage(
        from: socket,
        into: &payloadSpan,
        control: &controlSpan,
        source: &destination,
        fromErrorQueue: true
    )
    guard let count = received.transfer.count else {
        if received.transfer.mustWait { return nil }
        throw received.transfer.errno
    }
    payload.removeLast(payload.count - min(count, payload.count))
    return QueuedError(
        control: control.span.extracting(first: received.controlCount),
        destination: destination,
        payload: payload
    )
}

extension QueuedError {
    /// Reads `struct sock_extended_err` and the offender's address behind it.
    init(control: Span<UInt8>, destination: AddressStorage, payload: [UInt8]) {
        var words: (errno: CInt, origin: UInt8, type: UInt8, code: UInt8, info: UInt32) =
            (EIO, 0, 0, 0, 0)
        var offender: AddressStorage?
        ControlMessage.forEach(in: control) { level, type, data in
            let isError =
                level == CInt(IPPROTO_IP) && type == IP_RECVERR
                || level == CInt(IPPROTO_IPV6) && type == IPV6_RECVERR
            guard isError, data.count >= 16 else { return }
            words = (
                data.integer(at: 0), data[4], data[5], data[6], data.integer(at: 8)
            )
            offender = AddressStorage(copying: data.extracting(16...))
        }
        errno = Errno(rawValue: words.errno)
        origin = words.origin
        type = words.type
        code = words.code
        info = words.info
        self.destination = destination.family == AF_UNSPEC ? nil : destination
        self.offender = offender.flatMap { $0.family == AF_UNSPEC ? nil : $0 }
        self.payload = payload
    }
}
