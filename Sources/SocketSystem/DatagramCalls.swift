internal import CSocketSystem
internal import Glibc

/// Receives a message into memory of the caller's, recvmsg(2), with the address it came from.
///
/// `Transfer.count` is the message's true length, which may be more than the span holds.
///
/// - Parameters:
///   - socket: The socket.
///   - bytes: What the message is written to, from its beginning.
///   - control: What the control data is written to; it may be empty.
///   - source: The address that the message came from.
///   - fromErrorQueue: Whether to take it out of the error queue: each message there is a datagram
///     that was sent, and its source is the address that it was sent to.
/// - Returns: How long the message and its control data are.
package func receiveMessage(
    from socket: CInt,
    into bytes: inout MutableSpan<UInt8>,
    control: inout MutableSpan<UInt8>,
    source: inout AddressStorage,
    fromErrorQueue: Bool = false
) -> ReceivedMessage {
    let queue = fromErrorQueue ? CInt(MSG_ERRQUEUE) : 0
    var answer = Transfer(answer: 0)
    var controlCount = 0
    var flags: CInt = 0
    // SAFETY: the kernel writes within the three, whose addresses stay valid during the call.
    unsafe source.withMutableSockaddr { name, nameLength in
        unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe control.withUnsafeMutableBytes { control in
                var vector = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                unsafe withUnsafeMutablePointer(to: &vector) { vector in
                    var message = unsafe msghdr()
                    unsafe message.msg_name = UnsafeMutableRawPointer(name)
                    unsafe message.msg_namelen = nameLength
                    unsafe message.msg_iov = vector
                    unsafe message.msg_iovlen = 1
                    unsafe message.msg_control = control.baseAddress
                    unsafe message.msg_controllen = control.count
                    answer = uninterrupted {
                        unsafe csock_receive_message(socket, &message, CInt(MSG_TRUNC) | queue)
                    }
                    unsafe nameLength = message.msg_namelen
                    controlCount = unsafe min(message.msg_controllen, control.count)
                    flags = unsafe message.msg_flags
                }
            }
        }
    }
    return ReceivedMessage(
        transfer: answer,
        isControlTruncated: flags & CInt(MSG_CTRUNC) != 0,
        controlCount: answer.count == nil ? 0 : controlCount
    )
}

/// Sends a datagram to an address, sendto(2).
package func send(
    _ bytes: Span<UInt8>,
    to address: AddressStorage,
    from socket: CInt
) -> Transfer {
    // SAFETY: bytes and address are readable during the call.
    unsafe bytes.withUnsafeBytes { buffer in
        unsafe address.withSockaddr { name, length in
            uninterrupted {
                unsafe csock_send_to(socket, buffer.baseAddress, buffer.count, 0, name, length)
            }
        }
    }
}

/// Sends a datagram to an IPv4 address and port, both in host order, sendto(2).
package func send(
    _ bytes: Span<UInt8>,
    toIPv4 address: UInt32,
    port: UInt16,
    from socket: CInt
) -> Transfer {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = address.bigEndian
    // SAFETY: bytes and address are readable during the call.
    return unsafe bytes.withUnsafeBytes { buffer in
        unsafe withUnsafeBytes(of: &name) { name in
            let address = unsafe name.assumingMemoryBound(to: sockaddr.self)
            return uninterrupted {
                unsafe csock_send_to(
                    socket,
                    buffer.baseAddress,
                    buffer.count,
                    0,
                    address.baseAddress,
                    socklen_t(MemoryLayout<sockaddr_in>.size)
                )
            }
        }
    }
}

/// Sends a message with control data, sendmsg(2).
///
/// Without an address it goes to the peer that the socket is connected to.
package func sendMessage(
    _ bytes: Span<UInt8>,
    to address: AddressStorage?,
    control: [UInt8],
    from socket: CInt
) -> Transfer {
    // SAFETY: all that the message refers to is readable during the call; the kernel writes none
    // of it.
    unsafe bytes.withUnsafeBytes { buffer in
        unsafe control.withUnsafeBytes { control in
            var vector = unsafe iovec(
                iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress),
                iov_len: buffer.count
            )
            return unsafe withUnsafeMutablePointer(to: &vector) { vector in
                var message = unsafe msghdr()
                unsafe message.msg_iov = vector
                unsafe message.msg_iovlen = 1
                unsafe message.msg_control = UnsafeMutableRawPointer(mutating: control.baseAddress)
                unsafe message.msg_controllen = control.count
                guard let address else {
                    return uninterrupted { unsafe csock_send_message(socket, &message, 0) }
                }
                return unsafe address.withSockaddr { name, length in
                    unsafe message.msg_name = UnsafeMutableRawPointer(mutating: name)
                    unsafe message.msg_namelen = length
                    return uninterrupted { unsafe csock_send_message(socket, &message, 0) }
                }
            }
        }
    }
}

/// Dissolves a datagram socket's association with a peer, connect(2) to the family AF_UNSPEC.
package func disconnectSocket(_ socket: CInt) throws(Errno) {
    var address = sockaddr()
    address.sa_family = sa_family_t(AF_UNSPEC)
    // SAFETY: the address is readable for its size during the call.
    _ = try check(
        unsafe csock_connect(socket, &address, socklen_t(MemoryLayout<sockaddr>.size))
    )
}
