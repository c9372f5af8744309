package import Glibc

/// A socket address as the kernel reads and writes it: `struct sockaddr_storage` and a length.
///
/// A plain value of 136 bytes without a reference, so a loop that receives datagrams can reuse one
/// for every call. The values that users see (`SocketAddress`) are smaller and keep what an
/// address means; this type keeps its bytes.
package struct AddressStorage: Sendable {
    /// The bytes of a `sockaddr_storage`, in the machine's memory order. What lies past `length`
    /// has no meaning.
    @usableFromInline var bytes: InlineArray<16, UInt64>

    /// Backs `length`; apart from it, so that inlined code can set it and nobody else.
    @usableFromInline var storedLength: socklen_t

    /// How many of the bytes are the address. Never above `capacity`.
    @inlinable package var length: socklen_t { storedLength }

    /// The size of the largest address, of `sockaddr_storage`.
    @inlinable package static var capacity: socklen_t { 128 }

    /// An empty address with all its capacity, for the kernel to fill in.
    @inlinable
    package init() {
        bytes = InlineArray(repeating: 0)
        storedLength = Self.capacity
    }

    /// Lends the address to a system call that reads it.
    @inlinable
    package func withSockaddr<Result, Failure: Error>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: the bytes are initialised, 8-aligned and as large as any address; only the
        // kernel looks through the pointer, and only while `body` runs.
        try unsafe withUnsafePointer(to: bytes) { pointer throws(Failure) in
            try unsafe body(
                UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self),
                storedLength
            )
        }
    }

    /// Lends the bytes to a system call that writes an address, and keeps the length it leaves.
    ///
    /// The length goes in as the whole capacity. One that comes back larger (the kernel says how
    /// long the address would have been) is cut to it.
    @inlinable
    package mutating func withMutableSockaddr<Result, Failure: Error>(
        _ body: (UnsafeMutablePointer<sockaddr>, inout socklen_t) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var newLength = Self.capacity
        // SAFETY: as above, and `body` may write at most the length it was given.
        let result = try unsafe withUnsafeMutablePointer(to: &bytes) { pointer throws(Failure) in
            try unsafe body(
                UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self),
                &newLength
            )
        }
        storedLength = min(newLength, Self.capacity)
        return result
    }

    /// The address family, `AF_INET` and its like; `AF_UNSPEC` if nothing is stored.
    @inlinable
    package var family: CInt {
        guard storedLength >= 2 else { return AF_UNSPEC }
        return CInt(load(sa_family_t.self))
    }

    /// The leading bytes as one of the kernel's structures.
    @inlinable
    func load<Structure: BitwiseCopyable>(_ type: Structure.Type) -> Structure {
        // SAFETY: every structure asked for is one of plain integers, at most `capacity` bytes
        // long and aligned to at most 8, as the bytes are.
        unsafe withUnsafeBytes(of: bytes) { unsafe $0.load(as: type) }
    }

    /// Makes an address of one of the kernel's structures.
    @inlinable
    init<Structure: BitwiseCopyable>(storing structure: Structure) {
        bytes = InlineArray(repeating: 0)
        storedLength = socklen_t(MemoryLayout<Structure>.size)
        // SAFETY: as in `load`.
        unsafe withUnsafeMutableBytes(of: &bytes) {
            unsafe $0.storeBytes(of: structure, as: Structure.self)
        }
    }
}

// MARK: - IP

extension AddressStorage {
    /// An IPv4 address and port, both in host order.
    @inlinable
    package init(ipv4 address: UInt32, port: UInt16) {
        var structure = sockaddr_in()
        structure.sin_family = sa_family_t(AF_INET)
        structure.sin_port = port.bigEndian
        structure.sin_addr.s_addr = address.bigEndian
        self.init(storing: structure)
    }

    /// The IPv4 address and port, in host order; nil for another family.
    @inlinable
    package var ipv4: (address: UInt32, port: UInt16)? {
        guard family == AF_INET, storedLength >= MemoryLayout<sockaddr_in>.size else { return nil }
        let structure = load(sockaddr_in.self)
        return (UInt32(bigEndian: structure.sin_addr.s_addr), UInt16(bigEndian: structure.sin_port))
    }

    /// An IPv6 address as two halves in host order, with its port, flow label and zone index.
    @inlinable
    package init(
        ipv6 high: UInt64,
        _ low: UInt64,
        port: UInt16,
        flowInfo: UInt32 = 0,
        scope: UInt32 = 0
    ) {
        var structure = SocketAddressIPv6()
        structure.family = UInt16(AF_INET6)
        structure.port = port.bigEndian
        structure.flowInfo = flowInfo.bigEndian
        structure.high = high.bigEndian.halves
        structure.low = low.bigEndian.halves
        structure.scope = scope
        self.init(storing: structure)
    }

    /// The parts of an IPv6 address, in host order; nil for another family.
    @inlinable
    package var ipv6: (high: UInt64, low: UInt64, port: UInt16, flowInfo: UInt32, scope: UInt32)? {
        guard family == AF_INET6, storedLength >= MemoryLayout<SocketAddressIPv6>.size else {
            return nil
        }
        let structure = load(SocketAddressIPv6.self)
        return (
            UInt64(bigEndian: UInt64(halves: structure.high)),
            UInt64(bigEndian: UInt64(halves: structure.low)),
            UInt16(bigEndian: structure.port),
            UInt32(bigEndian: structure.flowInfo),
            structure.scope
        )
    }
}

/// Whether an IPv6 address that begins so means something with its interface only: fe80::/10,
/// ffx1::/16 and ffx2::/16.
package func isOfLink(_ high: UInt64) -> Bool {
    high >> 54 == 0xfe80 >> 6 || high >> 56 == 0xff && (1...2).contains(high >> 48 & 0xf)
}

/// `struct sockaddr_in6` with the address as integers: Swift imports the C library's own with a
/// union of tuples inside, as an unsafe and not bitwise copyable type. The address is 4-aligned,
/// hence the pairs.
@usableFromInline
struct SocketAddressIPv6: BitwiseCopyable {
    @usableFromInline var family: UInt16 = 0
    @usableFromInline var port: UInt16 = 0
    @usableFromInline var flowInfo: UInt32 = 0
    @usableFromInline var high: (UInt32, UInt32) = (0, 0)
    @usableFromInline var low: (UInt32, UInt32) = (0, 0)
    @usableFromInline var scope: UInt32 = 0

    @inlinable init() {}
}

extension UInt64 {
    /// The value as two words in memory order.
    @inlinable
    var halves: (UInt32, UInt32) {
        let little = littleEndian
        return (
            UInt32(littleEndian: UInt32(truncatingIfNeeded: little)),
            UInt32(littleEndian: UInt32(truncatingIfNeeded: little >> 32))
        )
    }

    /// The value of two words in memory order.
    @inlinable
    init(halves: (UInt32, UInt32)) {
        self.init(
            littleEndian: UInt64(halves.0.littleEndian) | UInt64(halves.1.littleEndian) << 32
        )
    }
}

// MARK: - Unix

extension AddressStorage {
    /// The most bytes a Unix socket's name can have: the size of `sun_path`.
    ///
    /// The kernel takes a path of all 108 without a final zero byte; an abstract name counts its
    /// leading zero byte.
    package static let unixNameCapacity = 108

    /// A Unix socket's name as unix(7) encodes it: a path; a zero byte and any bytes for an
    /// abstract name; nothing for an unnamed socket (and at bind(2), for a name that the kernel
    /// chooses).
    ///
    /// Throws `nameTooLong` instead of cutting, and `invalidArgument` for a path with a zero byte
    /// in it, which the kernel would cut.
    package init(unixName name: [UInt8]) throws(Errno) {
        guard name.count <= Self.unixNameCapacity else { throw .nameTooLong }
        if let first = name.first, first != 0, name.contains(0) { throw .invalidArgument }
        self.init(checkedUnixName: name)
    }

    /// A name that `init(unixName:)` would not refuse. One that is too long is a mistake in the
    /// caller, and stops the program.
    package init(checkedUnixName name: [UInt8]) {
        precondition(name.count <= Self.unixNameCapacity)
        var structure = sockaddr_un()
        structure.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: `sun_path` has `unixNameCapacity` bytes, and the name at most as many.
        unsafe withUnsafeMutableBytes(of: &structure.sun_path) { unsafe $0.copyBytes(from: name) }
        self.init(storing: structure)
        storedLength = Self.unixHeader + socklen_t(name.count)
        // A path short enough takes its zero byte along, as programs in C expect to find it.
        if let first = name.first, first != 0, name.count < Self.unixNameCapacity {
            storedLength += 1
        }
    }

    /// The Unix socket's name, encoded as in `init(unixName:)`; nil for another family.
    package var unixName: [UInt8]? {
        guard family == AF_UNIX else { return nil }
        let count = min(Int(storedLength - Self.unixHeader), Self.unixNameCapacity)
        // SAFETY: `storedLength` bytes are within `capacity`; a family was stored, so it is no
        // less than the header.
        let name = unsafe withUnsafeBytes(of: bytes) { bytes in
            unsafe [UInt8](bytes.dropFirst(Int(Self.unixHeader)).prefix(count))
        }
        if name.first == 0 { return name }
        return Array(name.prefix { $0 != 0 })
    }

    /// Where `sun_path` begins.
    private static let unixHeader = socklen_t(MemoryLayout<sa_family_t>.size)
}

// MARK: - Comparison

extension AddressStorage: Hashable {
    /// Equal are addresses that mean the same; bytes past what the family uses do not count.
    package static func == (left: Self, right: Self) -> Bool {
        guard left.family == right.family else { return false }
        if let left = left.ipv4, let right = right.ipv4 { return left == right }
        if let left = left.ipv6, let right = right.ipv6 { return left == right }
        if let left = left.unixName, let right = right.unixName { return left == right }
        return left.meaningfulBytes == right.meaningfulBytes
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(family)
        if let ipv4 {
            hasher.combine(ipv4.address)
            hasher.combine(ipv4.port)
        } else if let ipv6 {
            hasher.combine(ipv6.high)
            hasher.combine(ipv6.low)
            hasher.combine(ipv6.port)
        } else {
            hasher.combine(unixName ?? meaningfulBytes)
        }
    }

    /// The address's bytes, for a family that this type has no accessor for.
    package var meaningfulBytes: [UInt8] {
        // SAFETY: `storedLength` is within the bytes.
        unsafe withUnsafeBytes(of: bytes) { unsafe Array($0.prefix(Int(storedLength))) }
    }
}

// MARK: - Bytes from elsewhere

extension AddressStorage {
    /// An address as the kernel has written it; what is past `capacity` is left out.
    package init(copying bytes: UnsafeRawBufferPointer) {
        self.init()
        let count = min(bytes.count, Int(Self.capacity))
        // SAFETY: `count` bytes are readable there and within the storage here.
        unsafe withUnsafeMutableBytes(of: &self.bytes) { target in
            if let source = bytes.baseAddress {
                unsafe target.baseAddress!.copyMemory(from: source, byteCount: count)
            }
        }
        storedLength = socklen_t(count)
    }

    /// An address in bytes that were received; empty if they are too few for any address.
    package init(copying bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBytes { unsafe AddressStorage(copying: $0) }
    }
}
