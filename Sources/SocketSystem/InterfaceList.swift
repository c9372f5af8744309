internal import Glibc

/// The machine's network interfaces.
package enum InterfaceList {
    /// The index of the interface with this name, if_nametoindex(3); nil where there is none.
    package static func index(ofName name: String) -> UInt32? {
        // A name with a zero byte would be cut there and could name another interface.
        guard !name.isEmpty, !name.utf8.contains(0) else { return nil }
        // SAFETY: Swift lends the string zero-terminated for the call.
        let index = unsafe if_nametoindex(name)
        return index == 0 ? nil : index
    }

    /// The name of the interface with this index, if_indextoname(3); nil where there is none.
    package static func name(ofIndex index: UInt32) -> String? {
        // SAFETY: the buffer has the IF_NAMESIZE bytes that the call may write, and one more that
        // stays zero.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(IF_NAMESIZE) + 1) {
            buffer in
            unsafe buffer.initialize(repeating: 0)
            guard let start = buffer.baseAddress,
                unsafe if_indextoname(index, start) != nil
            else { return nil }
            return unsafe String(cString: start)
        }
    }
}
