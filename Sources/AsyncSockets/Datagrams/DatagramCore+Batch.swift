internal import SocketReactor
internal import SocketSystem
internal import Synchronization

extension DatagramCore {
    /// Waits until a datagram has arrived, and receives as many as have arrived and fit.
    func receive(into batch: DatagramBatch) async throws(OperationFailure) -> Int {
        batch.removeAll()
        var operation = Operation(.read, .standsInLine)
        while try !tryReceive(into: batch, &operation) {
            try await operation.wait(for: registration)
        }
        return batch.count
    }

    private func tryReceive(
        into batch: DatagramBatch,
        _ operation: inout Operation
    ) throws(OperationFailure) -> Bool {
        guard try operation.begins(on: registration) else { return false }
        let attempt = takeOrReceive(registration.descriptor, into: batch)
        return try operation.ends(attempt, on: registration)
    }

    private func takeOrReceive(_ socket: CInt, into batch: DatagramBatch) -> Attempt {
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

    private func receive(from socket: CInt, into batch: DatagramBatch) -> Attempt {
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
        return .done(leaving: count < batch.capacity ? .nothing : .unknown)
    }

    /// Sends the entries of a batch from its `sentCount` on.
    func send(_ batch: DatagramBatch) async throws(OperationFailure) {
        var operation = Operation(.write, .standsInLine)
        while try !trySend(batch, &operation) { try await operation.wait(for: registration) }
    }

    private func trySend(
        _ batch: DatagramBatch,
        _ operation: inout Operation
    ) throws(OperationFailure) -> Bool {
        guard try operation.begins(on: registration) else { return false }
        let attempt = send(batch, from: registration.descriptor)
        return try operation.ends(attempt, on: registration)
    }

    private func send(_ batch: DatagramBatch, from socket: CInt) -> Attempt {
        var excuse = SendExcuse()
        while batch.sentCount < batch.count {
            let transfer = batch.messages.send(batch.sentCount..<batch.count, to: socket)
            if let count = transfer.count {
                batch.sentCount += count
                excuse = SendExcuse()
                continue
            }
            let failure = Attempt(failureOf: transfer)
            if !errors.excusesSend(failure, of: socket, &excuse) { return failure }
        }
        return .done(leaving: .unknown)
    }
}
