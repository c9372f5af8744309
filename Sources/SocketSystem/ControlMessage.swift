internal import Glibc

/// The data beside a message's bytes: what arrived with it, or how it is to be sent, cmsg(3).
///
/// Control data is a row of messages, each a header (length, level, type) and its data, aligned to
/// a machine word. These functions read it as plain bytes, so they stay within its bounds even if
/// it is garbage or ends within a message.
package enum ControlMessage {
    /// How long the header is: `size_t` and two `int`.
    static var headerSize: Int { MemoryLayout<Int>.size + 8 }

    /// A length rounded up to the beginning of the next message.
    static func aligned(_ length: Int) -> Int {
        let mask = MemoryLayout<Int>.size - 1
        return (length + mask) & ~mask
    }

    /// How many bytes of control data a message with `count` bytes of data takes, `CMSG_SPACE`.
    package static func space(for count: Int) -> Int { aligned(headerSize) + aligned(count) }

    /// Calls `body` for each message: its level, its type and its data.
    ///
    /// A message that claims more than there is, or less than its own header, ends the row; one
    /// that the kernel had no room for (`MSG_CTRUNC`) is passed on as far as it came.
    package static func forEach(
        in bytes: Span<UInt8>,
        _ body: (_ level: CInt, _ type: CInt, _ data: Span<UInt8>) -> Void
    ) {
        var offset = 0
        while bytes.count - offset >= headerSize {
            let length: Int = bytes.integer(at: offset)
            guard length >= headerSize else { return }
            let end = length > bytes.count - offset ? bytes.count : offset + length
            let words = offset + MemoryLayout<Int>.size
            body(
                bytes.integer(at: words),
                bytes.integer(at: words + 4),
                bytes.extracting(offset + headerSize..<end)
            )
            // The last message need not be padded.
            let next = offset + aligned(end - offset)
            guard next < bytes.count else { return }
            offset = next
        }
    }
}

extension Span<UInt8> {
    /// The integer at a position in the machine's byte order; bytes past the end read as zero.
    package func integer<Value: FixedWidthInteger>(at offset: Int) -> Value {
        var value: Value = 0
        for index in 0..<MemoryLayout<Value>.size where offset + index < count {
            value |= Value(truncatingIfNeeded: self[offset + index]) << Value(8 * index)
        }
        return Value(littleEndian: value)
    }
}

// MARK: - What Unix sockets pass

extension ControlMessage {
    /// The descriptors that came with a message, SCM_RIGHTS in unix(7). Each is open in this
    /// process from the moment of the receiving call on, so the receiver must close every one.
    package static func rights(in bytes: Span<UInt8>) -> [CInt] {
        var rights: [CInt] = []
        forEach(in: bytes) { level, type, data in
            guard level == SOL_SOCKET, type == CInt(SCM_RIGHTS) else { return }
            for index in 0..<data.count / 4 {
                rights.append(data.integer(at: 4 * index))
            }
        }
        return rights
    }

    /// The sender of a message, SCM_CREDENTIALS in unix(7); nil if the message does not say.
    package static func credentials(
        in bytes: Span<UInt8>
    ) -> (process: Int32, user: UInt32, group: UInt32)? {
        var credentials: (Int32, UInt32, UInt32)?
        forEach(in: bytes) { level, type, data in
            // SCM_CREDENTIALS, which is seen with _GNU_SOURCE only.
            guard level == SOL_SOCKET, type == 2, data.count >= 12 else { return }
            credentials = (data.integer(at: 0), data.integer(at: 4), data.integer(at: 8))
        }
        return credentials
    }
}

extension ControlMessage {
    /// A pidfd of the sender, SCM_PIDFD in unix(7), which a socket with SO_PASSPIDFD gets; the
    /// kernel puts a negative error number there if it could not make one.
    static func processDescriptor(in bytes: Span<UInt8>) -> CInt? {
        var found: CInt?
        forEach(in: bytes) { level, type, data in
            guard level == SOL_SOCKET, type == 4, data.count >= 4, found == nil else { return }
            let descriptor: CInt = data.integer(at: 0)
            if descriptor >= 0 { found = descriptor }
        }
        return found
    }
}

extension ControlMessage {
    /// The most descriptors that the kernel passes with one message, SCM_MAX_FD.
    package static var maximumRights: Int { 253 }

    /// Room for all that a Unix socket can say at once: descriptors, credentials, a pidfd, a
    /// security label, time stamps.
    static var unixSpace: Int {
        space(for: 4 * maximumRights) + space(for: 12) + space(for: 4) + space(for: 512)
            + 2 * space(for: 16)
    }
}
