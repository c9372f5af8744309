import Glibc

/// A socket made without the library, for tests of what works on descriptors.
struct RawSocket: ~Copyable {
    let descriptor: CInt

    init(_ family: CInt, _ type: __socket_type, protocol: CInt = 0) {
        descriptor = socket(family, CInt(type.rawValue) | CInt(SOCK_CLOEXEC.rawValue), `protocol`)
        precondition(descriptor >= 0, "a test's socket cannot be made: errno \(errno)")
    }

    init(adopting descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}
