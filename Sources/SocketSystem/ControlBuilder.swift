internal import Glibc

/// Control data for a message to be sent.
package struct ControlBuilder: Sendable {
    /// What has been put together, for the kernel to read.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Adds a message with these bytes as its data.
    package mutating func append(level: CInt, type: CInt, data: [UInt8]) {
        let start = bytes.count
        let length = ControlMessage.headerSize + data.count
        bytes.append(integer: length)
        bytes.append(integer: level)
        bytes.append(integer: type)
        bytes.append(contentsOf: data)
        let padded = start + ControlMessage.space(for: data.count)
        bytes.append(contentsOf: repeatElement(0, count: padded - bytes.count))
    }

    /// Adds a message with an integer in the machine's byte order as its data.
    package mutating func append<Value: FixedWidthInteger>(
        level: CInt,
        type: CInt,
        integer: Value
    ) {
        var data: [UInt8] = []
        data.append(integer: integer)
        append(level: level, type: type, data: data)
    }
}

extension [UInt8] {
    /// Adds an integer in the machine's byte order.
    package mutating func append<Value: FixedWidthInteger>(integer: Value) {
        let value = integer.littleEndian
        for index in 0..<MemoryLayout<Value>.size {
            append(UInt8(truncatingIfNeeded: value >> Value(8 * index)))
        }
    }
}

extension ControlBuilder {
    /// Passes descriptors along with a message. The kernel takes at most 253 of them.
    package mutating func append(rights: [CInt]) {
        var data: [UInt8] = []
        for descriptor in rights { data.append(integer: descriptor) }
        append(level: SOL_SOCKET, type: CInt(SCM_RIGHTS), data: data)
    }
}
