internal import CSocketSystem
internal import Glibc

/// getsockopt(2) and setsockopt(2), one function for each form of value.
package enum OptionCalls {
    /// Sets a value of integers without padding, which the kernel reads as it lies in memory,
    /// setsockopt(2).
    package static func set<Value: BitwiseCopyable>(
        _ option: OptionName,
        to value: Value,
        on descriptor: CInt
    ) throws(Errno) {
        // SAFETY: the kernel reads the value's bytes during the call.
        let result = unsafe withUnsafeBytes(of: value) { bytes in
            unsafe csock_set_option(
                descriptor,
                option.level,
                option.name,
                bytes.baseAddress,
                socklen_t(bytes.count)
            )
        }
        try check(result)
    }

    /// Sets a value that has a length of its own, such as the name of an algorithm, setsockopt(2).
    package static func set(
        _ option: OptionName,
        to bytes: [UInt8],
        on descriptor: CInt
    ) throws(Errno) {
        // SAFETY: the kernel reads the array's bytes during the call.
        let result = unsafe bytes.withUnsafeBytes { bytes in
            unsafe csock_set_option(
                descriptor,
                option.level,
                option.name,
                bytes.baseAddress,
                socklen_t(bytes.count)
            )
        }
        try check(result)
    }

    /// Reads a value over `initial`, getsockopt(2). The kernel may leave the end as it is: for some
    /// options it writes one byte although an integer was asked for.
    package static func get<Value: BitwiseCopyable>(
        _ option: OptionName,
        over initial: Value,
        on descriptor: CInt
    ) throws(Errno) -> Value {
        var value = initial
        // SAFETY: the kernel writes at most `length` bytes, and every pattern of bits is a value,
        // because callers ask for integers and structures of integers.
        let result = unsafe withUnsafeMutableBytes(of: &value) { bytes in
            var length = socklen_t(bytes.count)
            return unsafe csock_get_option(
                descriptor,
                option.level,
                option.name,
                bytes.baseAddress,
                &length
            )
        }
        try check(result)
        return value
    }

    /// Reads a value of at most `capacity` bytes, as many as the kernel has, getsockopt(2).
    package static func getBytes(
        _ option: OptionName,
        capacity: Int,
        on descriptor: CInt
    ) throws(Errno) -> [UInt8] {
        var result: CInt = 0
        // SAFETY: the kernel writes at most `capacity` bytes and says how many of them it wrote;
        // the count is held to the capacity whatever it says.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            unsafe buffer.initialize(repeating: 0)
            var length = socklen_t(capacity)
            result = unsafe csock_get_option(
                descriptor,
                option.level,
                option.name,
                buffer.baseAddress,
                &length
            )
            count = result == 0 ? min(Int(length), capacity) : 0
        }
        try check(result)
        return bytes
    }
}

// MARK: - Forms of value

extension OptionCalls {
    /// Reads an `int`, getsockopt(2).
    package static func integer(_ option: OptionName, on descriptor: CInt) throws(Errno) -> CInt {
        try get(option, over: CInt(0), on: descriptor)
    }

    /// Reads the state of a TCP connection, the first byte of `TCP_INFO`, tcp(7).
    package static func tcpState(of descriptor: CInt) throws(Errno) -> UInt8 {
        try get(.tcpInfo, over: UInt8(0), on: descriptor)
    }

    /// Reads `SO_LINGER`, socket(7); nil if it is off.
    package static func lingerSeconds(on descriptor: CInt) throws(Errno) -> CInt? {
        let value = try get(.linger, over: linger(), on: descriptor)
        return value.l_onoff == 0 ? nil : value.l_linger
    }

    /// Sets `SO_LINGER`, socket(7); nil turns it off.
    package static func setLinger(seconds: CInt?, on descriptor: CInt) throws(Errno) {
        let value = linger(l_onoff: seconds == nil ? 0 : 1, l_linger: seconds ?? 0)
        try set(.linger, to: value, on: descriptor)
    }

    /// Reads a text that the kernel fills up with zero bytes, getsockopt(2).
    package static func string(
        _ option: OptionName,
        capacity: Int,
        on descriptor: CInt
    ) throws(Errno) -> String {
        let bytes = try getBytes(option, capacity: capacity, on: descriptor)
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Sets a text, setsockopt(2).
    ///
    /// - Throws: `.invalidArgument` for a text with a zero byte in it.
    package static func setString(
        _ option: OptionName,
        to text: String,
        on descriptor: CInt
    ) throws(Errno) {
        // The kernel would cut it there, and take one name for another.
        guard !text.utf8.contains(0) else { throw .invalidArgument }
        try set(option, to: Array(text.utf8), on: descriptor)
    }

    /// Sets the interface of outgoing multicast by its index, `IP_MULTICAST_IF` in ip(7) with a
    /// `struct ip_mreqn`.
    package static func setMulticastInterface(
        index: UInt32,
        on descriptor: CInt
    ) throws(Errno) {
        guard let index = CInt(exactly: index) else { throw .outOfRange }
        var request = ip_mreqn()
        request.imr_ifindex = index
        try set(.ipMulticastInterface, to: request, on: descriptor)
    }
}
