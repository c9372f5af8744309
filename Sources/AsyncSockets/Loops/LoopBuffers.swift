internal import SocketReactor
internal import SocketSystem

/// The memory that the sockets of one event loop share, so that idle ones need none of their own.
///
/// Only code that runs on the loop's thread sees it, and keeps nothing of it across an `await`.
final class LoopBuffers {
    /// Where streams are read into before the exact bytes are copied out.
    let scratch = ScratchBuffer(size: 64 * 1024)
    /// The small array that was handed out last: if its user has let go of it, the next bytes go
    /// there, too, and nothing is allocated.
    private var last: [UInt8] = []
    /// Where datagrams are received before the exact bytes are copied out: sixteen at once, each as
    /// large as IP can carry. Of its megabyte the kernel gives only the pages that datagrams have
    /// come to lie in.
    private(set) lazy var messages = MessageBatch(
        capacity: 16,
        messageSize: 64 * 1024,
        controlSize: 1280
    )

    /// A copy of the first bytes in the scratch buffer.
    func chunk(first count: Int) -> [UInt8] {
        var spare: [UInt8] = []
        swap(&spare, &last)
        let chunk = scratch.copy(first: count, reusing: spare)
        // If its user changes a larger one, all of it must not have to be copied.
        if count <= 2048 { last = chunk }
        return chunk
    }

    /// The ones of the current thread's loop; nil on a thread that is no loop's.
    static var current: LoopBuffers? {
        if let attachment = EventLoop.attachment { return attachment as? LoopBuffers }
        guard EventLoop.current != nil else { return nil }
        let made = LoopBuffers()
        EventLoop.attachment = made
        return made
    }
}
