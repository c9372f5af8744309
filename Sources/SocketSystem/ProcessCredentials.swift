/// The number, user and group of a process, for which the kernel vouches.
package struct ProcessCredentials: Hashable, Sendable {
    package let process: Int32
    package let user: UInt32
    package let group: UInt32

    init(_ credentials: (process: Int32, user: UInt32, group: UInt32)) {
        (process, user, group) = credentials
    }
}
