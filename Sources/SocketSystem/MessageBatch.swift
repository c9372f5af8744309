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
    /// How much memory there is for addresses, control data and bytes.
    package internal(set) var size: Int
    /// That memory; the headers and vectors below say what lies in it, and at which place.
    var memory: UnsafeMutableRawPointer
    let headers: UnsafeMutablePointer<csock_message>
    let vectors: UnsafeMutablePointer<iovec>
    /// How many messages from the first on may be other than a receiving call needs them.
    var used: Int
    /// Batches for copies of this one's messages, which nobody uses now; see `spare`.
    var spares: [MessageBatch] = []
    /// How many bytes the spares have together.
    var spareSize = 0

    static var nameSize: Int { Int(AddressStorage.capacity) }

    /// Reserves the memory.
    package init(capacity: Int, messageSize: Int, controlSize: Int) {
        self.capacity = capacity
        self.messageSize = messageSize
        self.controlSize = ControlMessage.aligned(controlSize)
        used = capacity
        // Not a power of two, so that small messages do not all compete for the same lines of the
        // cache.
        let stride = (messageSize + 63) & ~63 + 192
        let controls = (capacity * self.controlSize + 63) & ~63
        size = capacity * (Self.nameSize + stride) + controls
        // SAFETY: all three are freed once, by deinit, and never leave this class. What the kernel
        // has not written is not read: lengths are those that it reported.
        unsafe memory = .allocate(byteCount: size, alignment: 64)
        unsafe headers = .allocate(capacity: capacity)
        unsafe vectors = .allocate(capacity: capacity)
        let names = unsafe memory
        let control = unsafe names + capacity * Self.nameSize
        let bytes = unsafe control + controls
        for index in 0..<capacity {
            unsafe vectors[index] = iovec(iov_base: bytes + index * stride, iov_len: messageSize)
            unsafe headers[index] = csock_message()
            unsafe headers[index].header.msg_name = names + index * Self.nameSize
            unsafe headers[index].header.msg_control = control + index * self.controlSize
            unsafe headers[index].header.msg_iov = vectors + index
            unsafe headers[index].header.msg_iovlen = 1
        }
    }

    /// A batch without memory of its own, for copies of another's messages; see `keep`.
    package init(copies capacity: Int) {
        self.capacity = capacity
        messageSize = 0
        controlSize = 0
        used = 0
        size = 0
        // SAFETY: as above.
        unsafe memory = .allocate(byteCount: 0, alignment: 64)
        unsafe headers = .allocate(capacity: capacity)
        unsafe vectors = .allocate(capacity: capacity)
    }

    deinit {
        // SAFETY: allocated by init; the elements are trivial.
        unsafe memory.deallocate()
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
    }
}

// MARK: - Calls

extension MessageBatch {
    /// Receives what has arrived, as many messages as fit, with their control data, recvmmsg(2).
    /// The transfer counts messages: the first ones of the batch.
    package func receive(from socket: CInt) -> Transfer {
        // SAFETY: indices are below `capacity`; the kernel writes within what each header says.
        for index in 0..<used { unsafe reset(index, messageSize) }
        let transfer = uninterrupted {
            // MSG_TRUNC: the true length of a message that does not fit is reported.
            unsafe Int(
                csock_receive_messages(socket, headers, UInt32(capacity), CInt(MSG_TRUNC))
            )
        }
        // The kernel leaves the headers of messages that it has not received as they were.
        used = transfer.count ?? 1
        return transfer
    }

    /// Receives one message into the memory of all of them, recvmsg(2): it may be larger than one
    /// message's share.
    package func receiveLarge(from socket: CInt) -> Transfer {
        // SAFETY: the first message's bytes begin where those of all of them do, which reach to the
        // end of the memory.
        let start = unsafe vectors[0].iov_base!
        unsafe reset(0, size - (start - memory))
        used = max(used, 1)
        let transfer = uninterrupted {
            unsafe csock_receive_message(socket, &headers[0].header, CInt(MSG_TRUNC))
        }
        unsafe headers[0].length = UInt32(transfer.count ?? 0)
        return transfer
    }

    @unsafe
    private func reset(_ index: Int, _ size: Int) {
        // SAFETY: the callers' indices are below `capacity`.
        unsafe headers[index].header.msg_namelen = AddressStorage.capacity
        unsafe headers[index].header.msg_controllen = controlSize
        unsafe headers[index].header.msg_flags = 0
        unsafe vectors[index].iov_len = size
    }

    /// Sends messages of the batch, sendmmsg(2).
    ///
    /// - Returns: How many were sent, at least one, or why the first was not.
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
    /// The length of a received message as it was sent, also if less of it is here.
    @inline(__always)
    package func length(of index: Int) -> Int {
        precondition(index >= 0 && index < capacity)
        return unsafe Int(headers[index].length)
    }

    /// Whether control data was lost for want of room.
    @inline(__always)
    package func isControlTruncated(_ index: Int) -> Bool {
        precondition(index >= 0 && index < capacity)
        return unsafe headers[index].header.msg_flags & CInt(MSG_CTRUNC) != 0
    }

    /// How many bytes of a message are here.
    @inline(__always)
    package func count(of index: Int) -> Int {
        precondition(index >= 0 && index < capacity)
        // SAFETY: `init` or `keep` has set up the header and the vector of every index.
        return unsafe min(Int(headers[index].length), vectors[index].iov_len)
    }

    /// A copy of a message's bytes.
    package func copy(_ index: Int) -> [UInt8] {
        // SAFETY: `range` checks the index; the kernel, `set` or `keep` wrote the bytes.
        unsafe copy(range(of: whole(index)))
    }

    @unsafe
    @inline(__always)
    func copy(_ source: UnsafeRawBufferPointer) -> [UInt8] {
        // SAFETY: the caller lends bytes that were written.
        // From a typed buffer, because that initialiser is specialised here.
        let start = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return unsafe [UInt8](UnsafeBufferPointer(start: start, count: source.count))
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

    /// The address that a message came from, or goes to; empty if it has none.
    package func address(of index: Int) -> AddressStorage {
        precondition(index >= 0 && index < capacity)
        let length = unsafe min(headers[index].header.msg_namelen, AddressStorage.capacity)
        // SAFETY: a name has as many bytes as an address, and the kernel wrote `length` of them.
        return unsafe AddressStorage(
            copying: UnsafeRawBufferPointer(start: name(of: index), count: Int(length))
        )
    }

    /// That address for IPv4, in host order and with less to copy; nil for another family.
    @inline(__always)
    package func ipv4Address(of index: Int) -> (address: UInt32, port: UInt16)? {
        precondition(index >= 0 && index < capacity)
        guard unsafe Int(headers[index].header.msg_namelen) >= MemoryLayout<sockaddr_in>.size
        else { return nil }
        // SAFETY: the name has that many bytes and is aligned to 16.
        let name = unsafe name(of: index).load(as: sockaddr_in.self)
        guard CInt(name.sin_family) == AF_INET else { return nil }
        return (UInt32(bigEndian: name.sin_addr.s_addr), UInt16(bigEndian: name.sin_port))
    }

    /// Whether control data came with a message, or was lost for want of room.
    @inline(__always)
    package func hasControl(_ index: Int) -> Bool {
        precondition(index >= 0 && index < capacity)
        return unsafe headers[index].header.msg_controllen > 0 || isControlTruncated(index)
    }

    /// The size of the datagrams that the kernel has joined into a message; nil for a single one.
    package func segmentSize(of index: Int) -> Int? {
        guard hasControl(index) else { return nil }
        let size = withControl(of: index) { PacketControl($0).segmentSize }
        return size.flatMap { $0 < count(of: index) ? $0 : nil }
    }

    /// A copy of a message's control data; no memory is taken if there is none.
    package func control(of index: Int) -> [UInt8] {
        let control = unsafe controlBytes(of: index)
        // SAFETY: the kernel wrote these bytes, or `set` or `keep` did.
        return unsafe control.isEmpty ? [] : [UInt8](control)
    }

    /// Lends a message's control data.
    package func withControl<Result>(of index: Int, _ body: (Span<UInt8>) -> Result) -> Result {
        // SAFETY: as in `control(of:)`; the class, and so the memory, lives until the call returns.
        let control = unsafe controlBytes(of: index)
        let buffer = unsafe UnsafeBufferPointer(
            start: control.baseAddress?.assumingMemoryBound(to: UInt8.self),
            count: control.count
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
        used = max(used, index + 1)
        unsafe headers[index].length = UInt32(source.count)
        prepare(index, count: source.count, control: control)
        set(address: address, of: index)
        return true
    }

    /// Makes a received message one to be sent, to the address that it came from.
    package func prepare(_ index: Int, count: Int, control: [UInt8]) {
        precondition(index >= 0 && index < capacity)
        precondition(count <= messageSize && control.count <= controlSize)
        used = max(used, index + 1)
        // SAFETY: within the message's share, as was just checked.
        unsafe vectors[index].iov_len = count
        unsafe headers[index].header.msg_controllen = control.count
        if control.isEmpty { return }
        unsafe control.withUnsafeBytes { control in
            unsafe self.control(at: index)
                .copyMemory(from: control.baseAddress!, byteCount: control.count)
        }
    }

    /// Sets the address that a message goes to; nil for the peer that the socket is connected to.
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

    // SAFETY: of the pointers below: `init` or `keep` has set them for every index that the callers
    // have checked, to memory of this object.

    @inline(__always)
    func start(of index: Int) -> UnsafeMutableRawPointer {
        unsafe vectors[index].iov_base!
    }

    @inline(__always)
    func name(of index: Int) -> UnsafeMutableRawPointer {
        unsafe headers[index].header.msg_name!
    }

    func control(at index: Int) -> UnsafeMutableRawPointer {
        unsafe headers[index].header.msg_control!
    }

    @inline(__always)
    func controlBytes(of index: Int) -> UnsafeRawBufferPointer {
        precondition(index >= 0 && index < capacity)
        let count = unsafe Int(headers[index].header.msg_controllen)
        return unsafe UnsafeRawBufferPointer(start: control(at: index), count: count)
    }

    @inline(__always)
    func range(of part: MessagePart) -> UnsafeRawBufferPointer {
        precondition(part.start >= 0 && part.count >= 0)
        precondition(part.start + part.count <= count(of: part.index))
        return unsafe UnsafeRawBufferPointer(
            start: start(of: part.index) + part.start,
            count: part.count
        )
    }
}
