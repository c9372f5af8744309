internal import CSocketSystem
internal import Glibc

/// Memory for many messages of one system call, recvmmsg(2) and sendmmsg(2): for each its bytes,
/// its address and its control data.
///
/// The kernel's headers are set up once; a call resets only what the one before has changed. The
/// memory is reserved at once but, by the nature of virtual memory, taken page by page as messages
/// come to lie in it. Used by one task or thread at a time.
@safe
package final class MessageBatch {
    /// How many messages fit.
    package let capacity: Int
    /// How many bytes fit into one message.
    package let messageSize: Int
    /// How many bytes of control data fit into one message.
    package let controlSize: Int
    /// How far one message's bytes are from the next one's. Not a power of two, so that small
    /// messages do not all compete for the same lines of the cache.
    private let stride: Int
    private let bytes: UnsafeMutableRawPointer
    private let controls: UnsafeMutableRawPointer
    private let names: UnsafeMutableRawPointer
    private let headers: UnsafeMutablePointer<csock_message>
    private let vectors: UnsafeMutablePointer<iovec>

    private static var nameSize: Int { Int(AddressStorage.capacity) }

    /// Reserves the memory.
    package init(capacity: Int, messageSize: Int, controlSize: Int) {
        self.capacity = capacity
        self.messageSize = messageSize
        self.controlSize = ControlMessage.aligned(controlSize)
        stride = (messageSize + 63) & ~63 + 192
        // SAFETY: all five are freed once, by deinit, and never leave this class. What the kernel
        // has not written is not read: lengths are those that it reported.
        unsafe bytes = .allocate(byteCount: capacity * stride, alignment: 64)
        unsafe controls = .allocate(byteCount: capacity * self.controlSize, alignment: 16)
        unsafe names = .allocate(byteCount: capacity * Self.nameSize, alignment: 16)
        unsafe headers = .allocate(capacity: capacity)
        unsafe vectors = .allocate(capacity: capacity)
        for index in 0..<capacity {
            unsafe vectors[index] = iovec(
                iov_base: bytes + index * stride,
                iov_len: messageSize
            )
            unsafe headers[index] = csock_message()
            unsafe headers[index].header.msg_name = names + index * Self.nameSize
            unsafe headers[index].header.msg_control = controls + index * self.controlSize
            unsafe headers[index].header.msg_iov = vectors + index
            unsafe headers[index].header.msg_iovlen = 1
        }
    }

    deinit {
        // SAFETY: allocated by init; the elements are trivial.
        unsafe bytes.deallocate()
        unsafe controls.deallocate()
        unsafe names.deallocate()
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
    }
}

// MARK: - Calls

extension MessageBatch {
    /// Receives what has arrived, at most `limit` messages, recvmmsg(2), with their control data
    /// where that is wanted. The count is that of the messages: the first ones of the batch.
    package func receive(from socket: CInt, limit: Int, withControl: Bool) -> Transfer {
        let count = min(max(limit, 0), capacity)
        // SAFETY: indices are below `capacity`; the kernel writes within what each header says.
        for index in 0..<count {
            unsafe headers[index].header.msg_namelen = AddressStorage.capacity
            unsafe headers[index].header.msg_controllen = withControl ? controlSize : 0
            unsafe headers[index].header.msg_flags = 0
            unsafe vectors[index].iov_len = messageSize
        }
        return uninterrupted {
            // MSG_TRUNC: the true length of a message that does not fit is reported.
            unsafe Int(
                csock_receive_messages(socket, headers, UInt32(count), CInt(MSG_TRUNC))
            )
        }
    }

    /// Receives one message into the memory of all of them: for messages larger than one's share.
    package func receiveLarge(from socket: CInt, withControl: Bool) -> Transfer {
        // SAFETY: the memory of all messages is one block, which the first header describes here.
        unsafe vectors[0].iov_len = capacity * stride
        unsafe headers[0].header.msg_namelen = AddressStorage.capacity
        unsafe headers[0].header.msg_controllen = withControl ? controlSize : 0
        unsafe headers[0].header.msg_flags = 0
        let transfer = uninterrupted {
            unsafe csock_receive_message(socket, &headers[0].header, CInt(MSG_TRUNC))
        }
        unsafe headers[0].length = UInt32(transfer.count ?? 0)
        return transfer
    }

    /// Sends messages of the batch, sendmmsg(2).
    ///
    /// - Returns: How many were sent, at least one, or why the first could not be.
    package func send(_ range: Range<Int>, to socket: CInt) -> Transfer {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
        // SAFETY: the headers in the range were set up by `init`, `set` or a receive.
        return uninterrupted {
            unsafe Int(
                csock_send_messages(socket, headers + range.lowerBound, UInt32(range.count), 0)
            )
        }
    }
}

// MARK: - Messages

extension MessageBatch {
    /// The length of a received message as it was sent, also where less of it is here.
    package func length(of index: Int) -> Int {
        precondition(index >= 0 && index < capacity)
        return unsafe Int(headers[index].length)
    }

    /// Whether control data was lost for want of room.
    package func isControlTruncated(_ index: Int) -> Bool {
        precondition(index >= 0 && index < capacity)
        return unsafe headers[index].header.msg_flags & CInt(MSG_CTRUNC) != 0
    }

    /// Whether the message marks the end of a record, MSG_EOR.
    package func endsRecord(_ index: Int) -> Bool {
        precondition(index >= 0 && index < capacity)
        return unsafe headers[index].header.msg_flags & CInt(MSG_EOR) != 0
    }

    /// How many bytes of a message are here.
    package func count(of index: Int) -> Int {
        precondition(index >= 0 && index < capacity)
        return unsafe min(Int(headers[index].length), vectors[index].iov_len)
    }

    /// A copy of a message's bytes.
    package func copy(_ index: Int) -> [UInt8] {
        let count = count(of: index)
        // SAFETY: `count` bytes were written by the kernel or by `set`.
        return unsafe [UInt8](UnsafeRawBufferPointer(start: start(of: index), count: count))
    }

    /// Lends a message's bytes.
    package func withBytes<Result, Failure: Error>(
        of index: Int,
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let count = count(of: index)
        // SAFETY: as in `copy`; the class, and so the memory, lives until the call returns.
        let buffer = unsafe UnsafeBufferPointer(
            start: start(of: index).assumingMemoryBound(to: UInt8.self),
            count: count
        )
        return try unsafe body(buffer.span)
    }

    /// Where a message came from, or goes to; empty where there is no address.
    package func address(of index: Int) -> AddressStorage {
        precondition(index >= 0 && index < capacity)
        let length = unsafe min(headers[index].header.msg_namelen, AddressStorage.capacity)
        // SAFETY: a name has as many bytes as an address, and the kernel wrote `length` of them.
        return unsafe AddressStorage(
            copying: UnsafeRawBufferPointer(start: name(of: index), count: Int(length))
        )
    }

    /// A copy of a message's control data; no memory is taken where there is none.
    package func control(of index: Int) -> [UInt8] {
        precondition(index >= 0 && index < capacity)
        let count = unsafe min(headers[index].header.msg_controllen, controlSize)
        if count == 0 { return [] }
        // SAFETY: the kernel wrote `count` bytes, or `set` did.
        return unsafe [UInt8](
            UnsafeRawBufferPointer(start: controls + index * controlSize, count: count)
        )
    }

    /// Lends a message's control data.
    package func withControl<Result>(of index: Int, _ body: (Span<UInt8>) -> Result) -> Result {
        precondition(index >= 0 && index < capacity)
        let count = unsafe min(headers[index].header.msg_controllen, controlSize)
        // SAFETY: as in `control(of:)`.
        let buffer = unsafe UnsafeBufferPointer(
            start: (controls + index * controlSize).assumingMemoryBound(to: UInt8.self),
            count: count
        )
        return unsafe body(buffer.span)
    }

    /// Makes a message to be sent.
    ///
    /// - Returns: False if the bytes or the control data do not fit.
    package func set(
        _ index: Int,
        bytes source: Span<UInt8>,
        address: AddressStorage?,
        control: [UInt8]
    ) -> Bool {
        precondition(index >= 0 && index < capacity)
        guard source.count <= messageSize, control.count <= controlSize else { return false }
        // SAFETY: both fit, as was just checked.
        unsafe source.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            unsafe start(of: index).copyMemory(from: base, byteCount: source.count)
        }
        unsafe headers[index].length = UInt32(source.count)
        prepare(index, count: source.count, control: control)
        set(address: address, of: index)
        return true
    }

    /// Makes a received message one to be sent, to where it came from.
    package func prepare(_ index: Int, count: Int, control: [UInt8]) {
        precondition(index >= 0 && index < capacity)
        precondition(count <= messageSize && control.count <= controlSize)
        // SAFETY: within the message's share, as was just checked.
        unsafe vectors[index].iov_len = count
        unsafe headers[index].header.msg_controllen = control.count
        if control.isEmpty { return }
        unsafe control.withUnsafeBytes { control in
            unsafe (controls + index * controlSize)
                .copyMemory(from: control.baseAddress!, byteCount: control.count)
        }
    }

    /// Sets where a message goes; nil for the peer that the socket is connected to.
    package func set(address: AddressStorage?, of index: Int) {
        precondition(index >= 0 && index < capacity)
        guard let address else {
            unsafe headers[index].header.msg_namelen = 0
            return
        }
        // SAFETY: a name has room for any address.
        unsafe address.withSockaddr { pointer, length in
            unsafe name(of: index).copyMemory(from: pointer, byteCount: Int(length))
            unsafe headers[index].header.msg_namelen = length
        }
    }

    private func start(of index: Int) -> UnsafeMutableRawPointer { unsafe bytes + index * stride }

    private func name(of index: Int) -> UnsafeMutableRawPointer {
        unsafe names + index * Self.nameSize
    }
}
