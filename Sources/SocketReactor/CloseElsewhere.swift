internal import SocketSystem
internal import Synchronization

/// Closes a descriptor on a thread that may wait.
///
/// It is for what others have made and passed to this process: the last close(2) of it may wait for
/// as long as they please, as with a socket that lingers or a file of a slow file system. Most
/// closes are over at once, and then this one is, too, when it returns. It waits some milliseconds
/// at most, and not at all while another close takes its time.
package func closeElsewhere(_ descriptor: CInt) {
    let gate = ThreadGate()
    underWay.add(1, ordering: .relaxed)
    closing.run(unawaited: {
        closeDescriptor(descriptor)
        underWay.subtract(1, ordering: .relaxed)
        gate.open()
    })
    if underWay.load(ordering: .relaxed) <= 1 { _ = gate.wait(atMost: .milliseconds(10)) }
}

/// How many closes are not over.
private let underWay = Atomic(0)

/// No limit of the queue: what waits there costs a descriptor, and to close it here costs the loop.
private let closing = BlockingPool(
    name: "sockets-close",
    limits: .init(threads: 16, queue: .max, idle: .seconds(5))
)
