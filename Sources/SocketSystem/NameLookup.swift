internal import CSocketSystem
internal import Glibc

/// Looks up names with the C library, getaddrinfo(3): wherever nsswitch.conf(5) says.
///
/// The calls block, for as long as the name service takes; never call them on a loop's thread.
package enum NameLookup {
    /// Why a name has no answer.
    package enum Failure: Error, Hashable, Sendable {
        /// Nothing has this name.
        case noSuchName
        /// The name exists, without an address of this family.
        case noAddress
        /// The name service did not answer; trying again may help.
        case tryAgain
        /// The name service answered with a failure of its own.
        case failed
        /// Not a name, or not one that can be encoded for the DNS.
        case malformed
        /// The name needs libidn2, which is not installed.
        case noEncoder
        /// The lookup itself could not be made.
        case system(Errno)
    }

    /// The addresses of a host, of one family or of all, in the order in which RFC 6724 wants them
    /// tried, getaddrinfo(3). Their port is 0. The name is ASCII, see `encoded`.
    ///
    /// All families are one question: a source that has an address of one is the last that is
    /// asked. It is answered when the slower family's answer is there.
    package static func addresses(
        of host: String,
        family: CInt?
    ) throws(Failure) -> [AddressStorage] {
        // The C library would look up what comes before the zero byte.
        guard !host.utf8.contains(0) else { throw .malformed }
        var first: UnsafeMutablePointer<addrinfo>?
        // SAFETY: Swift lends the string zero-terminated; the list is given back below.
        let result = unsafe csock_lookup_host(host, family ?? AF_UNSPEC, &first)
        if result != 0 { throw failure(result) }
        defer { unsafe freeaddrinfo(first) }
        var addresses: [AddressStorage] = []
        var next = unsafe first
        while let item = unsafe next {
            // SAFETY: the list stays as it is until it is given back.
            if let address = unsafe AddressStorage(item.pointee, family: family),
                !addresses.contains(address)
            {
                addresses.append(address)
            }
            unsafe next = item.pointee.ai_next
        }
        guard !addresses.isEmpty else { throw .noAddress }
        return addresses
    }

    /// The port of a service such as `https` for a socket type, getaddrinfo(3) and services(5).
    package static func port(ofService name: String, type: CInt) throws(Failure) -> UInt16 {
        guard !name.isEmpty, !name.utf8.contains(0) else { throw .malformed }
        // SAFETY: Swift lends the string zero-terminated.
        let result = unsafe csock_lookup_service(name, type)
        if result < -1 { throw failure(result) }
        guard let port = UInt16(exactly: result) else { throw .noSuchName }
        return port
    }

    /// A name with letters beyond ASCII as the DNS has it, IDNA 2008; any other name unchanged.
    ///
    /// The work is libidn2's, which is loaded when it is first needed, dlopen(3).
    package static func encoded(_ name: String) throws(Failure) -> String {
        guard !name.utf8.contains(0) else { throw .malformed }
        if name.utf8.allSatisfy({ $0 < 0x80 }) { return name }
        var bytes = [CChar](repeating: 0, count: 256)
        // SAFETY: the array lives during the call, which writes no more than its count.
        let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            unsafe csock_encode_name(name, buffer.baseAddress, buffer.count)
        }
        if result != 0 { throw failure(result) }
        let encoded = bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func failure(_ result: CInt) -> Failure {
        if result < 0 { return .system(Errno(rawValue: -result)) }
        return switch csock_lookup_failure(UInt32(result)) {
        case CSOCK_LOOKUP_NO_NAME: .noSuchName
        case CSOCK_LOOKUP_NO_ADDRESS: .noAddress
        case CSOCK_LOOKUP_TRY_AGAIN: .tryAgain
        case CSOCK_LOOKUP_BAD_NAME: .malformed
        case CSOCK_LOOKUP_NO_IDNA: .noEncoder
        default: .failed
        }
    }
}

extension AddressStorage {
    /// Copies an address of a list; nil for one of another family than the one that is wanted.
    fileprivate init?(_ item: addrinfo, family: CInt?) {
        let length = unsafe item.ai_addrlen
        guard let address = unsafe item.ai_addr, length <= Self.capacity else { return nil }
        self.init()
        unsafe withMutableSockaddr { target, targetLength in
            // SAFETY: the list says how long the address is, and there is room for it.
            unsafe UnsafeMutableRawPointer(target).copyMemory(
                from: address,
                byteCount: Int(length)
            )
            targetLength = length
        }
        guard family == nil || self.family == family else { return nil }
    }
}
