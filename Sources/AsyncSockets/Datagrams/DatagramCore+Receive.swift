internal import SocketReactor
internal import SocketSystem
internal import Synchronization

extension DatagramCore {
    /// Waits for the next datagram.
    func receive() async throws(OperationFailure) -> Datagram {
        var operation = OngoingOperation()
        while true {
            if let datagram = try tryReceive(&operation) { return datagram }
            await operation.wait()
        }
    }

    /// The next datagram if it is here already.
    func tryReceive(
        _ ongoing: inout OngoingOperation
    ) throws(OperationFailure) -> Datagram? {
        var operation = try ongoing.begun(registration, .read, .inLine)
        var datagram: Datagram?
        while try operation.mayCall() {
            let attempt = takeOrReceive(operation.descriptor, &datagram)
            if try operation.result(of: attempt) != nil { return datagram }
        }
        ongoing.keep(operation)
        return nil
    }

    /// Puts the next datagram into the caller's memory if it is here already.
    func tryReceive(
        into buffer: inout MutableSpan<UInt8>,
        _ header: inout DatagramHeader,
        _ ongoing: inout OngoingOperation
    ) throws(OperationFailure) -> Bool {
        var operation = try ongoing.begun(registration, .read, .inLine)
        while try operation.mayCall() {
            let attempt = takeOrReceive(operation.descriptor, into: &buffer, &header)
            if try operation.result(of: attempt) != nil { return true }
        }
        ongoing.keep(operation)
        return false
    }

    /// All that was taken from the kernel and not handed out; nil where the turn cannot be had.
    ///
    /// No `Operation`, which a cancelled task could not begin: it may hand the socket over, too.
    func takeAllQueued() -> [Datagram]? {
        switch registration.begin(.read) {
        case .call, .wait, .suspend, .endWait: break
        case .contended, .closed: return nil
        }
        defer { registration.end(.read, leaving: .unknown) }
        var datagrams: [Datagram] = []
        while let datagram = takeQueued() { datagrams.append(datagram) }
        return datagrams
    }
}

// MARK: - With the reader's turn

extension DatagramCore {
    private func takeOrReceive(_ socket: CInt, _ datagram: inout Datagram?) -> Attempt<Void> {
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
    ) -> Attempt<Void> {
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
    ) -> Attempt<Void> {
        // Several by one call, copied once more, are cheaper than each by its own, unless they are
        // large. Joined ones must be taken apart.
        let joins = joinsSegments.load(ordering: .relaxed)
        guard joins || !queue.expectsLarge,
            let attempt = fillQueue(from: socket, always: joins)
        else { return receiveMessage(from: socket, into: &buffer, &header) }
        return takeQueued(into: &buffer, &header) ? afterTaking : attempt
    }

    /// Whether a receiving call that has failed is to be repeated: what it reported belongs to
    /// another datagram.
    func mustRepeat<Value>(
        _ attempt: Attempt<Value>,
        of socket: CInt,
        _ excuse: inout ReceiveExcuse
    ) -> Bool {
        switch attempt {
        case .drained, .undrained, .stocked: return false
        case .mustWait:
            shrinkQueue()
            errors.drainBeforeWaiting(socket)
            if style == .many { registration.calm(.read) }
            return false
        case .failed(let errno): return errors.excusesReceive(errno, of: socket, &excuse)
        }
    }

    /// What the next receive finds after one that took something.
    var afterTaking: Attempt<Void> {
        if !queue.isEmpty { return .stocked(()) }
        // With a queue of errors it must look whether that is empty before it waits.
        guard queue.tookAll, !errors.isTurnedOn else { return .undrained(()) }
        shrinkQueue()
        return .drained(())
    }

    /// An idle socket holds little memory: what is more than that is the loop's, for the next
    /// socket that needs it, or for this one.
    @inline(__always)
    private func shrinkQueue() {
        guard let surplus = queue.takeSurplus() else { return }
        EventLoop.withCurrent { $0.messages.spare(surplus) }
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

    private func receive(from socket: CInt, _ datagram: inout Datagram?) -> Attempt<Void> {
        let attempt = EventLoop.withCurrent {
            receive(from: socket, with: $0.messages, &datagram)
        }
        if let attempt { return attempt }
        return receive(from: socket, with: temporaryMessages, &datagram)
    }

    /// On a thread of somebody else's: right, only slower.
    private var temporaryMessages: MessageBatch {
        let size = style == .large ? 1 << 20 : 64 * 1024
        return MessageBatch(capacity: 1, messageSize: size, controlSize: 1280)
    }

    private func receive(
        from socket: CInt,
        with batch: MessageBatch,
        _ datagram: inout Datagram?
    ) -> Attempt<Void> {
        if style == .large {
            let transfer = batch.receiveLarge(from: socket)
            if transfer.count == nil { return Attempt(failureOf: transfer) }
            datagram = Datagram(firstOf: batch)
            return .undrained(())
        }
        let transfer = batch.receive(from: socket)
        guard let count = transfer.count else { return Attempt(failureOf: transfer) }
        if joinsSegments.load(ordering: .relaxed) {
            queue.keep(0..<count, of: batch)
            datagram = takeQueued()
        } else {
            let (bytes, facts) = queue.copy(batch.whole(0), of: batch)
            datagram = Datagram(bytes, facts, of: batch)
            queue.keep(1..<count, of: batch)
        }
        return afterTaking
    }

    /// Takes what has arrived into the queue; nil where nothing was tried, because the thread is no
    /// loop's and it need not be done `always`.
    func fillQueue(from socket: CInt, always: Bool) -> Attempt<Void>? {
        let attempt = EventLoop.withCurrent { fillQueue(from: socket, with: $0.messages) }
        if attempt != nil || !always { return attempt }
        return fillQueue(from: socket, with: temporaryMessages)
    }

    private func fillQueue(from socket: CInt, with batch: MessageBatch) -> Attempt<Void> {
        let transfer = batch.receive(from: socket)
        guard let count = transfer.count else { return Attempt(failureOf: transfer) }
        queue.keep(0..<count, of: batch)
        return afterTaking
    }

    /// Receives one datagram straight into the caller's memory.
    private func receiveMessage(
        from socket: CInt,
        into buffer: inout MutableSpan<UInt8>,
        _ header: inout DatagramHeader
    ) -> Attempt<Void> {
        var source = AddressStorage()
        // Room for all that an IP socket can be asked for.
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
        return .undrained(())
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
    /// Where a message came from.
    fileprivate init(_ facts: MessageFacts, of batch: @autoclosure () -> MessageBatch) {
        if let (address, port) = facts.ipv4 {
            self = .ipv4(IPv4Address(rawValue: address), port: port)
        } else {
            self = SocketAddress(batch().address(of: facts.index)) ?? .unixUnnamed
        }
    }
}

extension ReceivedControl {
    /// What the kernel said of a message; nil where it said nothing.
    convenience init?(_ index: Int, of batch: MessageBatch) {
        guard batch.hasControl(index) else { return nil }
        self.init(batch.control(of: index), isTruncated: batch.isControlTruncated(index))
    }
}

extension DatagramMetadata {
    /// What the kernel said of a message.
    init(_ index: Int, of batch: MessageBatch) {
        self.init()
        guard batch.hasControl(index) else { return }
        self = DatagramMetadata(
            batch.withControl(of: index) { PacketControl($0) },
            isIncomplete: batch.isControlTruncated(index)
        )
    }
}
