internal import CSocketSystem
internal import Glibc

/// What came beside a message's bytes. The descriptors belong to whoever gets the value.
package struct Ancillary: Sendable {
    /// Passed descriptors, close-on-exec, in the sender's order.
    package var descriptors: [CInt] = []
    /// A pidfd of the sender, where the socket asks for one (SO_PASSPIDFD).
    package var processDescriptor: CInt?
    /// Who sent the message, where the socket asks for that (SO_PASSCRED).
    package var credentials: ProcessCredentials?
    /// Whether there was control data of any kind.
    package var isPresent = false
    /// The message had more bytes than the buffer.
    package var isTruncated = false
    /// Control data was dropped, descriptors among it perhaps.
    package var isControlTruncated = false

    package init() {}
}

/// Who a process is, as the kernel vouches for it.
package struct ProcessCredentials: Hashable, Sendable {
    package let process: Int32
    package let user: UInt32
    package let group: UInt32
}

/// A message as recvmsg(2) delivered it.
package struct UnixReceipt: Sendable {
    package var bytes: [UInt8] = []
    /// Where it came from, if that was asked for.
    package var source = AddressStorage()
    package var ancillary = Ancillary()
}

extension Ancillary {
    /// The most descriptors that the kernel passes with one message.
    package static var maximumDescriptors: Int { Int(CSOCK_MAX_DESCRIPTORS) }

    /// Reads control data; anything may be in it. For tests: system calls do it by themselves.
    package init(parsing control: [UInt8]) {
        var control = control
        self = unsafe withUnsafeTemporaryAllocation(of: csock_unix_ancillary.self, capacity: 1) { raw in
            unsafe control.withUnsafeMutableBytes { bytes in
                // SAFETY: the parser reads `bytes.count` bytes at most and writes the structure.
                unsafe csock_unix_parse_control(bytes.baseAddress, bytes.count, raw.baseAddress)
            }
            return unsafe Ancillary(raw.baseAddress!)
        }
    }

    fileprivate init(_ raw: UnsafeMutablePointer<csock_unix_ancillary>) {
        // SAFETY: the caller's structure has been filled in, its first `descriptor_count`
        // descriptors among it; they are its first member.
        let count = Int(unsafe raw.pointee.descriptor_count)
        isPresent = unsafe raw.pointee.has_control != 0
        isTruncated = unsafe raw.pointee.is_truncated != 0
        isControlTruncated = unsafe raw.pointee.is_control_truncated != 0
        guard isPresent else { return }
        let numbers = UnsafeRawPointer(raw)
        descriptors = (0..<count).map { index in
            unsafe numbers.load(fromByteOffset: index * MemoryLayout<CInt>.size, as: CInt.self)
        }
        let process = unsafe raw.pointee.process_descriptor
        if process >= 0 { processDescriptor = process }
        if unsafe raw.pointee.has_credentials != 0 {
            credentials = unsafe ProcessCredentials(
                process: raw.pointee.process,
                user: raw.pointee.user,
                group: raw.pointee.group
            )
        }
    }
}

// MARK: - Receiving

/// Receives a message and what is beside it into a scratch buffer, recvmsg(2).
///
/// - Parameters:
///   - socket: Where from.
///   - scratch: Where the bytes go; they are copied out.
///   - wantsSource: Whether to ask for the sender's address.
package func receiveUnixMessage(
    from socket: CInt,
    through scratch: borrowing ScratchBuffer,
    wantsSource: Bool
) -> (UnixReceipt, Transfer) {
    var receipt = UnixReceipt()
    let buffer = unsafe scratch.bytes
    // SAFETY: the scratch buffer is writable for its whole size and used by one thread only.
    let transfer = unsafe receive(
        from: socket,
        into: buffer.baseAddress,
        capacity: buffer.count,
        wantsSource: wantsSource,
        &receipt
    )
    if let count = transfer.count { receipt.bytes = scratch.copy(first: count) }
    return (receipt, transfer)
}

/// The same into a new array of at most `capacity` bytes.
package func receiveUnixMessage(
    from socket: CInt,
    capacity: Int,
    wantsSource: Bool
) -> (UnixReceipt, Transfer) {
    var receipt = UnixReceipt()
    var transfer = Transfer(answer: 0)
    // SAFETY: `initializedCount` is what the kernel said it wrote.
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, initializedCount in
        transfer = unsafe receive(
            from: socket,
            into: buffer.baseAddress,
            capacity: capacity,
            wantsSource: wantsSource,
            &receipt
        )
        initializedCount = transfer.count ?? 0
    }
    receipt.bytes = bytes
    return (receipt, transfer)
}

private func receive(
    from socket: CInt,
    into bytes: UnsafeMutableRawPointer?,
    capacity: Int,
    wantsSource: Bool,
    _ receipt: inout UnixReceipt
) -> Transfer {
    unsafe withUnsafeTemporaryAllocation(of: csock_unix_ancillary.self, capacity: 1) { raw in
        let ancillary = raw.baseAddress!
        // SAFETY: the caller's buffer is writable for `capacity` bytes, the address for `length`,
        // and the call fills in the structure whatever it answers.
        let transfer = uninterrupted {
            guard wantsSource else {
                return unsafe csock_unix_receive(socket, bytes, capacity, nil, nil, ancillary)
            }
            return unsafe receipt.source.withMutableSockaddr { pointer, length in
                unsafe csock_unix_receive(socket, bytes, capacity, pointer, &length, ancillary)
            }
        }
        if transfer.count != nil { receipt.ancillary = unsafe Ancillary(ancillary) }
        return transfer
    }
}

/// The size of the message that would be received next, recv(2) with MSG_PEEK and MSG_TRUNC.
package func nextMessageSize(of socket: CInt) -> Transfer {
    let flags = CInt(MSG_PEEK) | CInt(MSG_TRUNC)
    // SAFETY: of no bytes, none are written.
    return uninterrupted { csock_recv(socket, nil, 0, flags) }
}

// MARK: - Sending

/// Sends a message, sendmsg(2), with descriptors beside it.
///
/// - Parameters:
///   - bytes: The message; of a stream, as much of it as fits is sent.
///   - descriptors: What to pass; the receiver gets duplicates.
///   - destination: Whom to send it to; nil for the peer.
///   - socket: What to send it with.
package func sendUnixMessage(
    _ bytes: Span<UInt8>,
    passing descriptors: [CInt],
    to destination: AddressStorage?,
    with socket: CInt
) -> Transfer {
    unsafe bytes.withUnsafeBytes { buffer in
        unsafe descriptors.withUnsafeBufferPointer { numbers in
            // SAFETY: all three are readable for their counts during the call.
            uninterrupted {
                guard let destination else {
                    return unsafe csock_unix_send(
                        socket,
                        buffer.baseAddress,
                        buffer.count,
                        nil,
                        0,
                        numbers.baseAddress,
                        numbers.count
                    )
                }
                return unsafe destination.withSockaddr { pointer, length in
                    unsafe csock_unix_send(
                        socket,
                        buffer.baseAddress,
                        buffer.count,
                        pointer,
                        length,
                        numbers.baseAddress,
                        numbers.count
                    )
                }
            }
        }
    }
}
