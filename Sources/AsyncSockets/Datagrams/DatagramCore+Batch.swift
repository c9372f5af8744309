internal import SocketReactor
internal import SocketSystem
internal import Synchronization

extension DatagramCore {
    /// Waits until a datagram has arrived, and receives as many as have arrived and fit.
    func receive(into batch: DatagramBatch) async throws(OperationFailure) -> Int {
        batch.removeAll()
        var operation = try Operation(registration, .read, .inLine)
        while true {
            try await operation.ready()
            let attempt = takeOrReceive(operation.descriptor, into: batch)
            if try operation.result(of: attempt) != nil { return batch.count }
        }
    }

    private func takeOrReceive(_ socket: CInt, into batch: DatagramBatch) -> Attempt<Void> {
        // Datagrams that an earlier receive left over come first.
        if !queue.isEmpty {
            takeQueued(into: batch)
            return afterTaking
        }
        var excuse = ReceiveExcuse()
        while true {
            let attempt = receive(from: socket, into: batch)
            if !mustRepeat(attempt, of: socket, &excuse) { return attempt }
        }
    }

    private func takeQueued(into batch: DatagramBatch) {
        var count = 0
        while count < batch.capacity, let part = queue.takeJoined(limit: batch.datagramSize) {
            batch.messages.set(count, to: part, of: queue.messages)
            count += 1
        }
        batch.received(count)
    }

    private func receive(from socket: CInt, into batch: DatagramBatch) -> Attempt<Void> {
        // Joined datagrams may be longer than an entry; then they are taken apart.
        if batch.datagramSize < 65_535, joinsSegments.load(ordering: .relaxed),
            let attempt = fillQueue(from: socket, always: true)
        {
            takeQueued(into: batch)
            return batch.count > 0 ? afterTaking : attempt
        }
        let transfer = batch.messages.receive(from: socket)
        guard let count = transfer.count else { return Attempt(failureOf: transfer) }
        batch.received(count)
        return Attempt((), drained: count < batch.capacity)
    }

    /// Sends the entries of a batch from its `sentCount` on.
    func send(_ batch: DatagramBatch) async throws(OperationFailure) {
        var operation = try Operation(registration, .write, .inLine)
        while true {
            try await operation.ready()
            let attempt = send(batch, from: operation.descriptor)
            if try operation.result(of: attempt) != nil { return }
        }
    }

    private func send(_ batch: DatagramBatch, from socket: CInt) -> Attempt<Void> {
        var excuse = SendExcuse()
        while batch.sentCount < batch.count {
            let transfer = batch.messages.send(batch.sentCount..<batch.count, to: socket)
            if let count = transfer.count {
                batch.sentCount += count
                excuse = SendExcuse()
                continue
            }
            let failure = Attempt<Void>(failureOf: transfer)
            if !errors.excusesSend(failure, of: socket, &excuse) { return failure }
        }
        return .undrained(())
    }
}
