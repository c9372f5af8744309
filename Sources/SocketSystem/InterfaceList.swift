internal import CSocketSystem
internal import Glibc

/// The machine's network interfaces.
package enum InterfaceList {
    /// One line of the list: an interface with one of its addresses, or with none.
    package struct Entry: Sendable {
        /// The interface's name, without the label that an IPv4 address can add to it.
        package let name: String

        /// The bits of netdevice(7), `IFF_UP` and its like.
        package let flags: UInt32

        /// One of its addresses; nil for none, or one of another kind than IP.
        package let address: AddressStorage?

        /// The mask that tells that address's network.
        package let netmask: AddressStorage?

        /// That network's broadcast address, or the other end of a point-to-point link.
        package let destination: AddressStorage?
    }

    /// All interfaces of the process's network namespace with their addresses, getifaddrs(3).
    package static func entries() throws(Errno) -> [Entry] {
        // SAFETY: getifaddrs makes a linked list that stays as it is until it is given back.
        var first: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&first) == 0 else { throw Errno(rawValue: Glibc.errno) }
        defer { unsafe freeifaddrs(first) }
        var entries: [Entry] = []
        var next = unsafe first
        while let item = unsafe next {
            unsafe entries.append(entry(item.pointee))
            unsafe next = item.pointee.ifa_next
        }
        return entries
    }

    private static func entry(_ item: ifaddrs) -> Entry {
        // SAFETY: the name is zero-terminated; the addresses are nil or complete for their family,
        // and the caller keeps the list.
        let label = unsafe String(cString: item.ifa_name)
        return unsafe Entry(
            name: String(label.prefix { $0 != ":" }),
            flags: item.ifa_flags,
            address: AddressStorage(ip: item.ifa_addr),
            netmask: AddressStorage(ip: item.ifa_netmask),
            destination: AddressStorage(ip: item.ifa_ifu.ifu_dstaddr)
        )
    }

    /// An IPv6 address of an interface, and whether the kernel lets it be used.
    package struct IPv6Entry: Sendable {
        /// The address, with its interface as the scope.
        package let address: AddressStorage

        /// The bits of rtnetlink(7), `IFA_F_TENTATIVE` and its like.
        private let flags: UInt32

        /// The kernel does not yet know whether another machine has it (RFC 4862, section 5.4), or
        /// has found out that one does.
        package var isTentative: Bool { flags & 0x40 != 0 && flags & 0x04 == 0 }

        /// Another machine has it.
        package var isDuplicate: Bool { flags & 0x08 != 0 }

        fileprivate init?(_ words: [Substring]) {
            guard words.count >= 6, words[0].utf8.count == 32,
                let high = UInt64(words[0].prefix(16), radix: 16),
                let low = UInt64(words[0].suffix(16), radix: 16),
                let interface = UInt32(words[1], radix: 16),
                let flags = UInt32(words[4], radix: 16)
            else { return nil }
            address = AddressStorage(ipv6: high, low, port: 0, scope: interface)
            self.flags = flags
        }
    }

    /// All IPv6 addresses of the calling thread's network namespace, if_inet6 in proc(5); none if
    /// they cannot be had. (getifaddrs(3) does not say which of them are tentative.)
    package static func ipv6Entries() -> [IPv6Entry] {
        (kernelTable("if_inet6") ?? []).compactMap { IPv6Entry($0) }
    }

    /// The largest packet that the interface with this name takes, in bytes, netdevice(7).
    package static func mtu(ofName name: String) throws(Errno) -> CInt {
        // SAFETY: Swift lends the string zero-terminated for the call.
        let mtu = unsafe csock_interface_mtu(name)
        try check(mtu)
        return mtu
    }

    /// The index of the interface with this name, if_nametoindex(3); nil if there is none.
    ///
    /// - Throws: If the system refuses to say.
    package static func index(ofName name: String) throws(Errno) -> UInt32? {
        // A name with a zero byte would be cut there and could name another interface, and the
        // kernel cuts at a colon.
        guard !name.isEmpty, !name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: ":") })
        else { return nil }
        // SAFETY: Swift lends the string zero-terminated for the call.
        let answer = unsafe csock_interface_index(name)
        if answer >= 0 { return UInt32(answer) }
        let failure = failure(-answer)
        if failure.isRefusal { throw failure }
        return nil
    }

    /// The name of the interface with this index, if_indextoname(3); nil if there is none.
    package static func name(ofIndex index: UInt32) -> String? {
        // SAFETY: the buffer has the IF_NAMESIZE bytes that the call may write, and one more that
        // stays zero.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(IF_NAMESIZE) + 1) {
            buffer in
            unsafe buffer.initialize(repeating: 0)
            guard let start = buffer.baseAddress, unsafe if_indextoname(index, start) != nil
            else { return nil }
            return unsafe String(cString: start)
        }
    }
}

extension AddressStorage {
    /// Copies an IP address from a list of the C library; nil for none or another family.
    fileprivate init?(ip address: UnsafeMutablePointer<sockaddr>?) {
        // SAFETY: the family says how long the structure behind the pointer is.
        guard let address = unsafe address else { return nil }
        let length: Int
        switch unsafe CInt(address.pointee.sa_family) {
        case AF_INET: length = MemoryLayout<sockaddr_in>.size
        case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        self.init()
        unsafe withMutableSockaddr { target, targetLength in
            unsafe UnsafeMutableRawPointer(target).copyMemory(from: address, byteCount: length)
            targetLength = socklen_t(length)
        }
    }
}
