package import SocketSystem

/// Makes a loop's `poll` return from another thread: an eventfd, or a pipe where there is none.
package struct Wakeup: ~Copyable, Sendable {
    /// Readable after `signal`. With an eventfd both ends are the same descriptor.
    private let reader: Descriptor
    private let writer: Descriptor?

    /// Takes a pipe, where that is asked for, even where eventfd(2) works.
    package init(usePipe: Bool) throws(Errno) {
        if !usePipe, let counter = try? openEventCounter() {
            reader = counter
            writer = nil
            return
        }
        let ends = try openPipe()
        reader = Descriptor(owning: ends.reader)
        writer = Descriptor(owning: ends.writer)
    }

    /// What the poller watches.
    package var descriptor: CInt { reader.rawValue }

    /// Whether signals that nobody drains are lost in the end: a pipe is full after some thousands,
    /// an eventfd never.
    package var fills: Bool { writer != nil }

    /// Tries what it will do, for a system that refuses it: better now than when a loop sleeps.
    package func test() throws(Errno) {
        switch writer {
        case .some(let pipe): try tryWakeDescriptors(reader.rawValue, pipe.rawValue)
        case .none: try tryWakeDescriptors(reader.rawValue, reader.rawValue)
        }
    }

    /// Makes the descriptor readable. Any thread may call it.
    package func signal() {
        switch writer {
        case .some(let pipe): signalWakeDescriptor(pipe.rawValue)
        case .none: signalWakeDescriptor(reader.rawValue)
        }
    }

    /// Makes the descriptor unreadable again. The loop's thread calls it.
    package func drain() { drainWakeDescriptor(reader.rawValue) }
}
