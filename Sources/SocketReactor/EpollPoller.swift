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

    package func poll(milliseconds: CInt, into events: inout [ReadyEvent]) throws(Errno) {
        let count = try buffer.wait(epoll.rawValue, milliseconds: milliseconds)
        for index in 0..<count {
            let (key, kernelEvents) = buffer[index]
            events.append(ReadyEvent(key: key, readiness: readiness(from: kernelEvents)))
        }
    }

    private func events(for interest: Interest) -> EpollEvents {
        if isEdgeTriggered {
            if interest == .error { return .edgeTriggered }
            if interest.contains(.exclusive) { return .readable | .edgeTriggered | .exclusive }
            return interest.contains(.write) ? Self.edges | .writable : Self.edges
        }
        // Watched for nothing: epoll would still report hang-up, but only once.
        if interest.isEmpty { return .oneShot }
        let reading = interest.contains(.read)
        let writing = interest.contains(.write)
        if reading, writing { return Self.reading | .writable }
        return reading ? Self.reading : writing ? .writable : Self.nothing
    }

    private static let nothing = EpollEvents(rawValue: 0)
    private static let reading: EpollEvents = .readable | .priority
    private static let edges: EpollEvents = reading | .peerClosed | .edgeTriggered
}

@inline(__always)
private func readiness(from events: EpollEvents) -> Readiness {
    events.rawValue == EpollEvents.readable.rawValue ? .read : rarerReadiness(from: events)
}

private func rarerReadiness(from events: EpollEvents) -> Readiness {
    let ended = events.hasAny(of: .hangUp | .error)
    let eager = ended || events.hasAny(of: .priority | .peerClosed)
    var readiness: Readiness = []
    if eager || events.hasAny(of: .readable) { readiness.formUnion(.read) }
    if ended || events.hasAny(of: .writable) { readiness.formUnion(.write) }
    if eager { readiness.formUnion(.eagerRead) }
    if ended { readiness.formUnion(.eagerWrite) }
    return readiness
}
