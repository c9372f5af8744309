internal import Glibc

/// The directions that `shutdownSocket` ends.
package struct ShutdownDirection: Hashable, Sendable {
    package let rawValue: CInt

    package static var read: ShutdownDirection { .init(rawValue: CInt(SHUT_RD)) }
    package static var write: ShutdownDirection { .init(rawValue: CInt(SHUT_WR)) }
    package static var both: ShutdownDirection { .init(rawValue: CInt(SHUT_RDWR)) }
}
