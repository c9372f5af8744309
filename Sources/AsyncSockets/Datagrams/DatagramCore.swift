internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// What UDP and Unix datagram sockets have in common: receiving many datagrams a system call,
/// sending, and the error queue.
///
/// Every function here has the shape of `Operation` and throws `OperationFailure`; the public
/// types translate it. Any number of tasks may receive and send at once: they take turns.
final class DatagramCore: Sendable {
    /// The socket's membership in its loop.
    let registration: Registration
    /// Errors that the network has reported; only UDP turns it on.
    let errors: DatagramErrorQueue
    /// What came of the last receiving call and was not handed out. Only the reader's turn
    /// changes it.
    private let queue = Mutex(DatagramQueue())
    /// Whether the queue holds something, to be asked without the lock by the reader's turn.
    private let hasQueued = Atomic<Bool>(false)
    /// How datagrams are received.
    private let style: Style

    /// How datagrams are received.
    enum Style: Sendable {
        /// Up to sixteen a call, each at most 64 KiB: all that IP can carry.
        case many
        /// One a call, of up to a megabyte: Unix datagrams can be that large. Their control data
        /// may hold descriptors, so it is kept.
        case large
    }

    init(registration: Registration, style: Style) {
        self.registration = registration
        self.style = style
        errors = DatagramErrorQueue(socket: registration)
    }

    deinit { close() }

    func close() {
        registration.close()
        errors.close()
    }
}

// MARK: - Receiving

extension DatagramCore {
    /// Waits for the next datagram.
    func receive() async throws(OperationFailure) -> Datagram {
        var operation = try Operation(registration, .read, .inLine)
        while true {
            try await operation.ready()
            if let datagram = try operation.result(of: takeOrReceive(operation.descriptor)) {
                return datagram
            }
        }
    }

    /// Waits for the next datagram and puts it into the caller's memory.
    func receive(
        into buffer: inout MutableSpan<UInt8>
    ) async throws(OperationFailure) -> DatagramHeader {
        var operation = try Operation(registration, .read, .inLine)
        while true {
            try await operation.ready()
            let attempt = takeOrReceive(operation.descriptor, into: &buffer)
            if let header = try operation.result(of: attempt) { return header }
        }
    }

    private func takeOrReceive(_ socket: CInt) -> Attempt<Datagram> {
        if let datagram = takeQueued() { return .undrained(datagram) }
        while true {
            let attempt = receiveBatch(from: socket)
            if !errors.explain(attempt, of: socket) { return attempt }
        }
    }

    private func takeQueued() -> Datagram? {
        guard hasQueued.load(ordering: .relaxed) else { return nil }
        return queue.withLock { queue in
            defer { hasQueued.store(!queue.isEmpty, ordering: .relaxed) }
            return queue.take()
        }
    }

    private func receiveBatch(from socket: CInt) -> Attempt<Datagram> {
        if let loop = EventLoop.current { return receive(from: socket, with: loop.messages) }
        // On a thread of somebody else's: right, only slower.
        let size = style == .large ? 1 << 20 : 64 * 1024
        return receive(
            from: socket,
            with: MessageBatch(capacity: 1, messageSize: size, controlSize: 1280)
        )
    }

    private func receive(from socket: CInt, with batch: MessageBatch) -> Attempt<Datagram> {
        if style == .large {
            let transfer = batch.receiveLarge(from: socket, withControl: true)
            if transfer.count == nil { return Attempt(failureOf: transfer) }
            return .undrained(datagram(0, of: batch))
        }
        let transfer = batch.receive(from: socket, limit: batch.capacity, withControl: true)
        guard let count = transfer.count else { return Attempt(failureOf: transfer) }
        // The kernel had no more than these, if they are fewer than asked for.
        let drained = count < batch.capacity
        let segmentSize = segmentSize(0, of: batch)
        if count == 1, segmentSize == nil {
            return Attempt(datagram(0, of: batch), drained: drained)
        }
        return queue.withLock { queue in
            queue.reserve(count)
            for index in (1..<max(count, 1)).reversed() {
                queue.push(
                    datagram(index, of: batch),
                    segmentSize: self.segmentSize(index, of: batch)
                )
            }
            guard let segmentSize else {
                hasQueued.store(true, ordering: .relaxed)
                return .undrained(datagram(0, of: batch))
            }
            queue.push(datagram(0, of: batch), segmentSize: segmentSize)
            let first = queue.take()
            hasQueued.store(!queue.isEmpty, ordering: .relaxed)
            return first.map { .undrained($0) } ?? .mustWait
        }
    }

    private func segmentSize(_ index: Int, of batch: MessageBatch) -> Int? {
        batch.withControl(of: index) { control in
            control.isEmpty ? nil : PacketControl(control).segmentSize
        }
    }

    /// Copies a message out of the loop's memory.
    private func datagram(_ index: Int, of batch: MessageBatch) -> Datagram {
        let control = batch.control(of: index)
        return Datagram(
            bytes: batch.copy(index),
            source: SocketAddress(batch.address(of: index)) ?? .unixUnnamed,
            length: batch.length(of: index),
            control: control.isEmpty && !batch.isControlTruncated(index)
                ? nil
                : ReceivedControl(control, isTruncated: batch.isControlTruncated(index))
        )
    }

    private func takeOrReceive(
        _ socket: CInt,
        into buffer: inout MutableSpan<UInt8>
    ) -> Attempt<DatagramHeader> {
        if hasQueued.load(ordering: .relaxed) {
            let header = takeQueued(into: &buffer)
            if let header { return .undrained(header) }
        }
        while true {
            let attempt = receiveMessage(from: socket, into: &buffer)
            if !errors.explain(attempt, of: socket) { return attempt }
        }
    }

    private func takeQueued(into buffer: inout MutableSpan<UInt8>) -> DatagramHeader? {
        // A span cannot enter the closure, so the queue leaves the lock: the turn guards it too.
        var taken = queue.withLock { queue in
            defer { queue = DatagramQueue() }
            return queue
        }
        let header = taken.take(into: &buffer)
        let rest = taken
        hasQueued.store(!rest.isEmpty, ordering: .relaxed)
        queue.withLock { $0 = rest }
        return header
    }

    private func receiveMessage(
        from socket: CInt,
        into buffer: inout MutableSpan<UInt8>
    ) -> Attempt<DatagramHeader> {
        var source = AddressStorage()
        // Room for all that an IP socket can be asked for, and for a few descriptors.
        var control = InlineArray<512, UInt8>(repeating: 0)
        var controlSpan = control.mutableSpan
        let received = SocketSystem.receiveMessage(
            from: socket,
            into: &buffer,
            control: &controlSpan,
            source: &source
        )
        guard let length = received.transfer.count else {
            return Attempt(failureOf: received.transfer)
        }
        var metadata = DatagramMetadata()
        var kept: ReceivedControl?
        if received.controlCount > 0 || received.isControlTruncated {
            let bytes = control.span.extracting(first: received.controlCount)
            metadata = DatagramMetadata(PacketControl(bytes))
            if style == .large {
                kept = ReceivedControl(bytes.copied, isTruncated: received.isControlTruncated)
            }
        }
        let header = DatagramHeader(
            count: min(length, buffer.count),
            length: length,
            source: SocketAddress(source) ?? .unixUnnamed,
            metadata: metadata,
            control: kept
        )
        return .undrained(header)
    }
}

// MARK: - Sending

extension DatagramCore {
    /// Sends one datagram; waits while the socket's send buffer is full.
    ///
    /// - Parameters:
    ///   - address: Where it goes; nil for the peer that the socket is connected to.
    ///   - control: How it is sent and what is passed along, from a `ControlBuilder`.
    func send(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        control: [UInt8] = []
    ) async throws(OperationFailure) {
        var operation = try Operation(registration, .write, .inLine)
        while true {
            try await operation.ready()
            let attempt = send(bytes, to: address, control: control, from: operation.descriptor)
            if try operation.result(of: attempt) != nil { return }
        }
    }

    private func send(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        control: [UInt8],
        from socket: CInt
    ) -> Attempt<Void> {
        while true {
            let transfer: Transfer
            if !control.isEmpty {
                transfer = sendMessage(
                    bytes,
                    to: address?.storage,
                    control: control,
                    from: socket
                )
            } else if let address {
                transfer = SocketSystem.send(bytes, to: address.storage, from: socket)
            } else {
                transfer = SocketSystem.send(bytes, to: socket)
            }
            if transfer.count != nil { return .undrained(()) }
            let failure = Attempt<Void>(failureOf: transfer)
            if !errors.explain(failure, of: socket) { return failure }
        }
    }
}

extension Span<UInt8> {
    /// The bytes as an array.
    var copied: [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in indices { copy.append(self[index]) }
        return copy
    }
}
