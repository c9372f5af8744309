internal import SocketSystem

/// Closes a descriptor on a thread that may wait.
///
/// It is for what others have made and passed to this process: the last close(2) of it may wait for
/// as long as they please, as with a socket that lingers or a file of a slow file system.
package func closeElsewhere(_ descriptor: CInt) {
    closing.run(unawaited: { closeDescriptor(descriptor) })
}

/// No limit of the queue: what waits there costs a descriptor, and to close it here costs the loop.
private let closing = BlockingPool(
    name: "sockets-close",
    limits: .init(threads: 16, queue: .max, idle: .seconds(5))
)
