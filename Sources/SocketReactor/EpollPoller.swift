package import SocketSystem

/// Waits with epoll(7), edge-triggered or level-triggered.
package final class EpollPoller: Poller {
    /// Closed with the poller.
    private let epoll: Descriptor
    /// Written by the loop's thread only, inside `poll`.
    private let buffer: EpollEventBuffer

    package let isEdgeTriggered: Bool

    package init(edgeTriggered: Bool) throws(Errno) {
        epoll = try openEpoll()
        buffer = EpollEventBuffer(capacity: 512)
        isEdgeTriggered = edgeTriggered
    }

    /// epoll_ctl(2) takes effect on a thread that is inside epoll_wait(2).
    package var needsWakeAfterChange: Bool { false }

    package func add(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {
        try epollAdd(epoll.rawValue, descriptor, events(for: interest), key: key)
    }

    package func update(_ descriptor: CInt, key: UInt64, interest: Interest) throws(Errno) {
        try epollModify(epoll.rawValue, descriptor, events(for: interest), key: key)
    }

    package func remove(_ descriptor: CInt) {
        // A descriptor that the kernel does not know any more is removed already.
        try? epollRemove(epoll.rawValue, descriptor)
    }

    package func poll(milliseconds: CInt, into events: inout [ReadyEvent]) {
        // The arguments are ours and valid, so the only failure is a signal, which counts zero.
        guard let count = try? buffer.wait(epoll.rawValue, milliseconds: milliseconds) else {
            return
        }
        for index in 0..<count {
            let (key, kernelEvents) = buffer[index]
            events.append(ReadyEvent(key: key, readiness: readiness(from: kernelEvents)))
        }
    }

    private func events(for interest: Interest) -> EpollEvents {
        if isEdgeTriggered {
            if interest == .error { return .edgeTriggered }
            let reading: EpollEvents = [.readable, .peerClosed, .priority, .edgeTriggered]
            return interest.contains(.write) ? reading.union(.writable) : reading
        }
        // Watched for nothing: epoll would still report hang-up, but only once.
        if interest.isEmpty { return .oneShot }
        var events: EpollEvents = []
        if interest.contains(.read) { events.formUnion([.readable, .priority]) }
        if interest.contains(.write) { events.formUnion(.writable) }
        return events
    }
}

@inline(__always)
private func readiness(from events: EpollEvents) -> Readiness {
    if events == .readable { return .read }
    var readiness: Readiness = []
    if !events.isDisjoint(with: [.readable, .priority, .peerClosed, .hangUp, .error]) {
        readiness.formUnion(.read)
    }
    if !events.isDisjoint(with: [.writable, .hangUp, .error]) {
        readiness.formUnion(.write)
    }
    if !events.isDisjoint(with: [.priority, .peerClosed, .hangUp, .error]) {
        readiness.formUnion(.eagerRead)
    }
    if !events.isDisjoint(with: [.hangUp, .error]) {
        readiness.formUnion(.eagerWrite)
    }
    return readiness
}
