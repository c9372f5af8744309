internal import SocketReactor
internal import SocketSystem
internal import Synchronization

extension DatagramCore {
    /// Waits for the next datagram.
    func receive() async throws(OperationFailure) -> Datagram {
        var operation = Operation(.read, .standsInLine)
        while true {
            if let datagram = try tryReceive(&operation) { return datagram }
            try await operation.wait(for: registration)
        }
    }

    func tryReceive(_ operation: inout Operation) throws(OperationFailure) -> Datagram? {
        guard try operation.begins(on: registration) else { return nil }
        var datagram: Datagram?
        let attempt = takeOrReceive(registration.descriptor, &datagram)
        _ = try operation.ends(attempt, on: registration)
        return datagram
    }

    /// Puts the next datagram into the caller's memory, if it is here already.
    func tryReceive(
        into buffer: inout MutableSpan<UInt8>,
        _ header: inout DatagramHeader,
        _ operation: inout Operation
    ) throws(OperationFailure) -> Bool {
        guard try operation.begins(on: registration) else { return false }
        let attempt = takeOrReceive(registration.descriptor, into: &buffer, &header)
        return try operation.ends(attempt, on: registration)
    }

    /// All datagrams that were taken from the kernel and not handed out; nil if the lock of reading
    /// cannot be had.
    ///
    /// Not an `Operation`, which a cancelled task could not begin: a cancelled task may hand the
    /// socket over, too.
    func takeAllQueued() -> [Datagram]? {
        guard registration.tryLock(.read) else { return nil }
        defer { registration.end(.read, leaving: .unknown) }
        var datagrams: [Datagram] = []
        while let datagram = takeQueued() { datagrams.append(datagram) }
        return datagrams
    }
}

// MARK: - With the lock of reading

extension DatagramCore {
    private func takeOrReceive(_ socket: CInt, _ datagram: inout Datagram?) -> Attempt {
        datagram = takeQueued()
        if datagram != nil { return afterTaking }
        var excuse = ReceiveExcuse()
        while true {
            let attempt = receive(from: socket, &datagram)
            if !mustRepeat(attempt, of: socket, &excuse) { return attempt }
        }
    }

    private func takeOrReceive(
        _ socket: CInt,
        into buffer: inout MutableSpan<UInt8>,
        _ header: inout DatagramHeader
    ) -> Attempt {
        if takeQueued(into: &buffer, &header) { return afterTaking }
        var excuse = ReceiveExcuse()
        while true {
            let attempt = receive(from: socket, into: &buffer, &header)
            if !mustRepeat(attempt, of: socket, &excuse) { return attempt }
        }
    }

    private func receive(
        from socket: CInt,
        into buffer: inout MutableSpan<UInt8>,
        _ header: inout DatagramHeader
    ) -> Attempt {
        // Several by one call, copied once more, are cheaper than one call each, unless they are
        // large. Joined ones must be taken apart.
        let joins = joinsSegments.load(ordering: .relaxed)
        guard joins || !queue.expectsLarge && !registration.isShared,
            let attempt = fillQueue(from: socket, always: joins)
        else { return receiveMessage(from: socket, into: &buffer, &header) }
        return takeQueued(into: &buffer, &header) ? afterTaking : attempt
    }

    /// Whether to repeat a receiving call that failed, because the failure belongs to another
    /// datagram.
    func mustRepeat(
        _ attempt: Attempt,
        of socket: CInt,
        _ excuse: inout ReceiveExcuse
    ) -> Bool {
        switch attempt {
        case .done: return false
        case .mustWait:
            shrinkQueue()
            errors.drainBeforeWaiting(socket)
            if style == .many { registration.calm(.read) }
            return false
        // A reset comes before the packets that had arrived.
        case .failed(let errno):
            return noteReset(errno) || errors.excusesReceive(errno, of: socket, &excuse)
        }
    }

    /// The state of the socket for the next receive, after one that took something.
    var afterTaking: Attempt {
        if !queue.isEmpty { return .done(leaving: .stock) }
        // With an error queue, the next receive must check that it is empty before it waits.
        guard queue.tookAll, !errors.isTurnedOn else { return .done(leaving: .unknown) }
        shrinkQueue()
        return .done(leaving: .nothing)
    }

    /// An idle socket holds little memory. Larger memory goes back to the loop, for the next socket
    /// that needs it, or for this one again.
    @inline(__always)
    private func shrinkQueue() {
        guard let surplus = queue.takeSurplus() else { return }
        LoopBuffers.current?.messages.spare(surplus)
    }

    func takeQueued() -> Datagram? {
        guard let (bytes, facts) = queue.take() else { return nil }
        return Datagram(bytes, facts, of: queue.messages)
    }

    private func takeQueued(
        into buffer: inout MutableSpan<UInt8>,
        _ header: inout DatagramHeader
    ) -> Bool {
        guard let facts = queue.take(into: &buffer) else { return false }
        header.count = min(facts.count, buffer.count)
        header.length = facts.length
        header.source = SocketAddress(facts, of: queue.messages)
        if facts.hasControl {
            header.metadata = DatagramMetadata(facts.index, of: queue.messages)
        }
        return true
    }

    private func receive(from socket: CInt, _ datagram: inout Datagram?) -> Attempt {
        let messages = LoopBuffers.current?.messages ?? temporaryMessages
        return receive(from: socket, with: messages, &datagram)
    }

    /// Memory for a thread that is not a loop's: correct, only slower.
    private var temporaryMessages: MessageBatch {
        let size = style == .many ? 64 * 1024 : 1 << 20
        return MessageBatch(capacity: 1, messageSize: size, controlSize: 1280)
    }

    private func receive(
        from socket: CInt,
        with batch: MessageBatch,
        _ datagram: inout Datagram?
    ) -> Attempt {
        if style != .many {
            let transfer = batch.receiveLarge(from: socket)
            if transfer.count == nil { return Attempt(failureOf: transfer) }
            let received = Datagram(firstOf: batch)
            if received.isNothing, case .failed(let errno) = endAttempt { return .failed(errno) }
            datagram = received
            return .done(leaving: .unknown)
        }
        let (count, tookAll, failure) = receiveSome(from: socket, into: batch)
        if let failure { return failure }
        if joinsSegments.load(ordering: .relaxed) {
            queue.keep(0..<count, of: batch, tookAll: tookAll)
            datagram = takeQueued()
        } else {
            let (bytes, facts) = queue.copy(batch.whole(0), of: batch)
            datagram = Datagram(bytes, facts, of: batch)
            queue.keep(1..<count, of: batch, tookAll: tookAll)
        }
        return afterTaking
    }

    /// Receives as many datagrams as there is room for, or one if the socket is shared: another
    /// would wait here while another process has time for it.
    ///
    /// - Returns: Their number; whether there was room for more than the kernel had; the failure.
    @inline(__always)
    private func receiveSome(
        from socket: CInt,
        into batch: MessageBatch
    ) -> (count: Int, tookAll: Bool, failure: Attempt?) {
        let isShared = registration.isShared
        let transfer = isShared ? batch.receiveLarge(from: socket) : batch.receive(from: socket)
        guard let count = transfer.count else { return (0, false, Attempt(failureOf: transfer)) }
        return isShared ? (1, false, nil) : (count, count < batch.capacity, nil)
    }

    /// Takes arrived datagrams into the queue; nil if nothing was tried, because the thread is not
    /// a loop's and it need not be done `always`.
    func fillQueue(from socket: CInt, always: Bool) -> Attempt? {
        guard let messages = LoopBuffers.current?.messages ?? (always ? temporaryMessages : nil)
        else { return nil }
        return fillQueue(from: socket, with: messages)
    }

    private func fillQueue(from socket: CInt, with batch: MessageBatch) -> Attempt {
        let (count, tookAll, failure) = receiveSome(from: socket, into: batch)
        if let failure { return failure }
        queue.keep(0..<count, of: batch, tookAll: tookAll)
        return afterTaking
    }

    /// Receives one datagram straight into the caller's memory.
    private func receiveMessage(
        from socket: CInt,
        into buffer: inout MutableSpan<UInt8>,
        _ header: inout DatagramHeader
    ) -> Attempt {
        var source = AddressStorage()
        // Room for all the control data that an IP socket can be asked for.
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
        queue.noteSize(length)
        header.count = min(length, buffer.count)
        header.length = length
        header.source = SocketAddress(source) ?? .unixUnnamed
        if received.controlCount > 0 || received.isControlTruncated {
            header.metadata = DatagramMetadata(
                PacketControl(control.span.extracting(first: received.controlCount)),
                isIncomplete: received.isControlTruncated
            )
        }
        return .done(leaving: .unknown)
    }
}

// MARK: - What lies in a batch

extension Datagram {
    /// Copies a batch's first message.
    init(firstOf batch: MessageBatch) {
        self.init(batch.copy(0), batch.facts(of: batch.whole(0)), of: batch)
    }

    fileprivate init(
        _ bytes: [UInt8],
        _ facts: MessageFacts,
        of batch: @autoclosure () -> MessageBatch
    ) {
        self.init(
            bytes: bytes,
            source: SocketAddress(facts, of: batch()),
            length: facts.length,
            control: facts.hasControl ? ReceivedControl(facts.index, of: batch()) : nil
        )
    }
}

extension SocketAddress {
    /// Makes a datagram from a message's bytes and facts.
    fileprivate init(_ facts: MessageFacts, of batch: @autoclosure () -> MessageBatch) {
        if let (address, port) = facts.ipv4 {
            self = .ipv4(IPv4Address(rawValue: address), port: port)
        } else {
            self = SocketAddress(batch().address(of: facts.index)) ?? .unixUnnamed
        }
    }
}

extension ReceivedControl {
    /// Copies a message's control data; nil if it has none.
    convenience init?(_ index: Int, of batch: MessageBatch) {
        guard batch.hasControl(index) else { return nil }
        self.init(batch.control(of: index), isTruncated: batch.isControlTruncated(index))
    }
}

extension DatagramMetadata {
    /// The kernel's facts about a message.
    init(_ index: Int, of batch: MessageBatch) {
        self.init()
        guard batch.hasControl(index) else { return }
        self = DatagramMetadata(
            batch.withControl(of: index) { PacketControl($0) },
            isIncomplete: batch.isControlTruncated(index)
        )
    }
}
