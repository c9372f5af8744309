internal import CSocketSystem
internal import Glibc

extension MessageBatch {
    /// All bytes of a message.
    @inline(__always)
    package func whole(_ index: Int) -> MessagePart {
        MessagePart(index: index, start: 0, count: count(of: index))
    }

    /// How many bytes of a message are here, and the size of the datagrams that the kernel has
    /// joined into it; 0 for a single one.
    package func extent(of index: Int) -> (count: Int, segmentSize: Int) {
        (count(of: index), segmentSize(of: index) ?? 0)
    }

    /// How long a part was when it was sent: longer than it is here if the message's end was cut
    /// off.
    @inline(__always)
    func length(of part: MessagePart) -> Int {
        let count = count(of: part.index)
        return part.start + part.count < count
            ? part.count : part.count + length(of: part.index) - count
    }

    /// What is asked about every message that is handed out.
    @inline(__always)
    package func facts(of part: MessagePart) -> MessageFacts {
        MessageFacts(
            index: part.index,
            count: part.count,
            length: length(of: part),
            ipv4: ipv4Address(of: part.index),
            hasControl: hasControl(part.index)
        )
    }

    /// Copies a part's bytes into an array.
    ///
    /// - Parameters:
    ///   - part: The part.
    ///   - spare: An array that the bytes are copied into if it has as many: nothing is allocated
    ///     if nobody else has it.
    /// - Returns: The bytes and the facts.
    package func copy(
        _ part: MessagePart,
        reusing spare: consuming [UInt8]
    ) -> (bytes: [UInt8], facts: MessageFacts) {
        // SAFETY: `range` checks the part, whose bytes stay as they are meanwhile.
        (unsafe SocketSystem.copy(range(of: part), reusing: spare), facts(of: part))
    }

    /// Copies a part's bytes into memory of the caller's: all, or as many as there is room for.
    package func copy(_ part: MessagePart, into buffer: inout MutableSpan<UInt8>) -> MessageFacts {
        // SAFETY: `range` checks the part; no more is copied than either side has.
        unsafe buffer.withUnsafeMutableBytes { buffer in
            let source = unsafe range(of: part)
            let count = min(source.count, buffer.count)
            guard count > 0 else { return }
            unsafe buffer.baseAddress!.copyMemory(from: source.baseAddress!, byteCount: count)
        }
        return facts(of: part)
    }

    /// Becomes a copy of some of another batch's messages, in just as much memory as they need.
    /// This batch was made for copies.
    package func keep(_ range: Range<Int>, of other: MessageBatch) {
        precondition(messageSize == 0 && range.count <= capacity)
        precondition(range.lowerBound >= 0 && range.upperBound <= other.capacity)
        let needed = range.reduce(0) { $0 + other.sizeOfCopy($1) }
        if needed > size {
            // SAFETY: the memory is this object's.
            unsafe memory.deallocate()
            size = max(needed, 1024)
            unsafe memory = .allocate(byteCount: size, alignment: 64)
        }
        var free = unsafe memory
        for index in range {
            let target = index - range.lowerBound
            // SAFETY: all that is copied was counted above; the positions are multiples of 16.
            let source = unsafe other.headers + index
            let nameLength = unsafe min(Int(source.pointee.header.msg_namelen), Self.nameSize)
            let controlCount = unsafe Int(source.pointee.header.msg_controllen)
            let count = other.count(of: index)
            unsafe headers[target] = source.pointee
            unsafe headers[target].header.msg_name = free
            unsafe free.copyMemory(from: source.pointee.header.msg_name, byteCount: nameLength)
            unsafe free += Self.aligned(nameLength)
            unsafe headers[target].header.msg_control = free
            if controlCount > 0 {
                unsafe free.copyMemory(
                    from: source.pointee.header.msg_control,
                    byteCount: controlCount
                )
                unsafe free += Self.aligned(controlCount)
            }
            unsafe vectors[target] = iovec(iov_base: free, iov_len: count)
            unsafe free.copyMemory(from: other.start(of: index), byteCount: count)
            unsafe free += Self.aligned(count)
        }
    }

    /// Keeps a batch for copies, which its user does not need now, for the next user: steady
    /// traffic allocates no memory. A megabyte is kept, or one batch that is larger.
    package func spare(_ batch: MessageBatch) {
        guard spares.isEmpty || spareSize + batch.size <= 1 << 20 else { return }
        spares.append(batch)
        spareSize += batch.size
    }

    /// A batch that was kept and has room for so many messages; nil if there is none.
    package func takeSpare(for count: Int) -> MessageBatch? {
        guard let last = spares.last, last.capacity >= count else { return nil }
        spareSize -= last.size
        return spares.removeLast()
    }

    private func sizeOfCopy(_ index: Int) -> Int {
        // SAFETY: the caller has checked the index.
        let header = unsafe headers + index
        return unsafe Self.aligned(min(Int(header.pointee.header.msg_namelen), Self.nameSize))
            + Self.aligned(Int(header.pointee.header.msg_controllen))
            + Self.aligned(count(of: index))
    }

    /// Makes a message the copy of a part of another batch's message, as if it had been received
    /// here: what does not fit is cut off.
    package func set(_ index: Int, to part: MessagePart, of other: MessageBatch) {
        precondition(index >= 0 && index < capacity)
        used = max(used, index + 1)
        let bytes = unsafe other.range(of: part)
        let control = unsafe other.controlBytes(of: part.index)
        let controlCount = min(control.count, controlSize)
        // SAFETY: no more is copied than the message has room for.
        unsafe start(of: index)
            .copyMemory(from: bytes.baseAddress!, byteCount: min(bytes.count, messageSize))
        unsafe self.control(at: index)
            .copyMemory(from: control.baseAddress!, byteCount: controlCount)
        unsafe vectors[index].iov_len = messageSize
        unsafe headers[index].length = UInt32(other.length(of: part))
        unsafe headers[index].header.msg_controllen = controlCount
        unsafe headers[index].header.msg_flags = other.headers[part.index].header.msg_flags
        if controlCount < control.count {
            unsafe headers[index].header.msg_flags |= CInt(MSG_CTRUNC)
        }
        set(address: other.address(of: part.index), of: index)
    }

    private static func aligned(_ count: Int) -> Int { (count + 15) & ~15 }
}
