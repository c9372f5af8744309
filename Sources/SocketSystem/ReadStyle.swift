/// How a stream is read.
package enum ReadStyle: Sendable {
    /// recv(2): fewer bytes than asked for are all there were.
    case plain
    /// recvmsg(2): the kernel ends a read of a Unix stream at a message that carries descriptors,
    /// and only this call says so.
    case stopsAtDescriptors
}
