internal import SocketReactor
internal import SocketSystem

extension DatagramCore {
    /// Waits until a datagram has arrived and receives as many as have and fit.
    func receive(into batch: DatagramBatch) async throws(OperationFailure) -> Int {
        batch.removeAll()
        var operation = try Operation(registration, .read, .inLine)
        while true {
            if !operation.isReady { try await operation.ready() }
            let attempt = takeOrReceive(operation.descriptor, into: batch)
            guard let count = try operation.result(of: attempt) else { continue }
            return count
        }
    }

    private func takeOrReceive(_ socket: CInt, into batch: DatagramBatch) -> Attempt<Int> {
        // What an earlier receive has left comes first.
        while batch.count < batch.capacity, let datagram = takeQueued() {
            _ = batch.append(
                datagram.bytes.span.extracting(first: batch.datagramSize),
                to: datagram.source
            )
        }
        if !batch.isEmpty { return .undrained(batch.count) }
        while true {
            let transfer = batch.messages.receive(
                from: socket,
                limit: batch.capacity,
                withControl: true
            )
            if let count = transfer.count {
                batch.received(count)
                return Attempt(count, drained: count < batch.capacity)
            }
            let failure = Attempt<Int>(failureOf: transfer)
            if !errors.explain(failure, of: socket) { return failure }
        }
    }

    /// Sends the entries of a batch from its `sentCount` on.
    func send(_ batch: DatagramBatch) async throws(OperationFailure) {
        var operation = try Operation(registration, .write, .inLine)
        while true {
            if !operation.isReady { try await operation.ready() }
            let attempt = send(batch, from: operation.descriptor)
            if try operation.result(of: attempt) != nil { return }
        }
    }

    private func send(_ batch: DatagramBatch, from socket: CInt) -> Attempt<Void> {
        while batch.sentCount < batch.count {
            let transfer = batch.messages.send(batch.sentCount..<batch.count, to: socket)
            if let count = transfer.count {
                batch.sentCount += count
                continue
            }
            let failure = Attempt<Void>(failureOf: transfer)
            if !errors.explain(failure, of: socket) { return failure }
        }
        return .undrained(())
    }
}
