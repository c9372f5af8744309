internal import SocketSystem

/// The one task that decides about worker processes; all that happens reaches it as an event.
///
/// There is a *slot* for each worker that shall run. A slot has a current worker, or waits to start
/// one; while the slot is being renewed it has a successor, too, which becomes the current worker
/// when it is ready; then the old one is *leaving*.
struct Supervisor {
    enum Event: Sendable {
        case stop
        case replaceAll
        case start(slot: Int)
        case ready(worker: Int)
        case ended(worker: Int, ProcessEnd)
        case notReadyInTime(worker: Int)
        case notGoneInTime(worker: Int)
    }

    private struct Worker {
        let slot: Int
        let process: ChildProcess
        let startedAt: MonotonicTime
        var isReady = false
        var isLeaving = false
    }

    private struct Slot {
        var current: Int?
        /// How many workers in a row have failed to start.
        var failures = 0
    }

    /// A slot that gets a new worker while the old one serves on.
    private struct Renewal {
        let slot: Int
        let old: Int
        let successor: Int
    }

    private let owner: WorkerProcesses
    private let mailbox: AsyncStream<Event>.Continuation
    private var slots: [Slot]
    private var workers: [Int: Worker] = [:]
    private var nextWorker = 0
    private var renewal: Renewal?
    private var slotsToRenew: [Int] = []
    private var isStopping = false
    private var hasReportedReady = false
    private var failure: SocketError?

    private var options: WorkerOptions { owner.options }

    init(_ owner: WorkerProcesses, _ mailbox: AsyncStream<Event>.Continuation) {
        self.owner = owner
        self.mailbox = mailbox
        slots = Array(repeating: Slot(), count: max(owner.options.count, 1))
    }

    /// Returns when no worker is left; why all was given up, or nil where it was asked to stop.
    consuming func run(_ events: AsyncStream<Event>) async -> SocketError? {
        for slot in slots.indices { mailbox.yield(.start(slot: slot)) }
        for await event in events {
            await handle(event)
            if isStopping, workers.isEmpty { break }
        }
        mailbox.finish()
        return failure
    }

    private mutating func handle(_ event: Event) async {
        switch event {
        case .stop: stop()
        case .replaceAll:
            slotsToRenew = Array(slots.indices)
            await renewNext()
        case .start(let slot):
            if isStopping || slots[slot].current != nil { return }
            slots[slot].current = await startWorker(for: slot)
            if slots[slot].current == nil {
                startAgain(slot, failed: true, "it could not be started")
            }
        case .ready(let worker): await becameReady(worker)
        case .ended(let worker, let how): await ended(worker, how)
        case .notReadyInTime(let worker):
            guard let late = workers[worker], !late.isReady else { return }
            kill(late, "it was not ready in time")
        case .notGoneInTime(let worker):
            if let late = workers[worker] { kill(late, "it did not finish in time") }
        }
    }
}

// MARK: - Starting

extension Supervisor {
    private mutating func startWorker(for slot: Int) async -> Int? {
        let process: ChildProcess
        do throws(SocketError) {
            process = try await ChildProcess.start(
                owner.program,
                sockets: owner.sockets,
                notifyVariable: "NOTIFY_SOCKET",
                on: owner.group
            )
        } catch {
            options.event(WorkerEvent(.failed, nil, "\(error)"))
            return nil
        }
        let worker = nextWorker
        nextWorker += 1
        workers[worker] = Worker(slot: slot, process: process, startedAt: .now)
        options.event(WorkerEvent(.started, process.number))
        let mailbox = mailbox
        Task { mailbox.yield(.ended(worker: worker, await process.ended())) }
        if let time = options.readyWithin {
            Task { if await process.becameReady() { mailbox.yield(.ready(worker: worker)) } }
            post(.notReadyInTime(worker: worker), after: time)
        } else {
            mailbox.yield(.ready(worker: worker))
        }
        return worker
    }

    /// Starts another worker for a slot: at once, or later where the last one failed to start.
    private mutating func startAgain(_ slot: Int, failed: Bool, _ how: String) {
        guard failed else {
            slots[slot].failures = 0
            mailbox.yield(.start(slot: slot))
            return
        }
        slots[slot].failures += 1
        let failures = slots[slot].failures
        if failures >= options.failedStarts {
            failure = SocketError(
                .supervise,
                code: .limitExceeded,
                reason: "\(failures) workers in a row failed to start; of the last: \(how)"
            )
            stop()
            return
        }
        let factor = 1 << min(failures - 1, 20)
        post(.start(slot: slot), after: min(options.backOff * factor, options.longestBackOff))
    }

    private func post(_ event: Event, after delay: Duration) {
        let mailbox = mailbox
        Task {
            try? await Task.sleep(for: delay)
            mailbox.yield(event)
        }
    }

    private mutating func becameReady(_ worker: Int) async {
        guard let process = workers[worker]?.process, workers[worker]?.isReady == false else {
            return
        }
        workers[worker]?.isReady = true
        options.event(WorkerEvent(.ready, process.number))
        if let renewal, renewal.successor == worker {
            slots[renewal.slot].current = worker
            if workers[renewal.old] == nil {
                self.renewal = nil
                await renewNext()
            } else {
                leave(renewal.old)
            }
        }
        if !hasReportedReady, !isStopping,
            slots.allSatisfy({ $0.current.flatMap { workers[$0] }?.isReady == true })
        {
            hasReportedReady = true
            _ = try? ServiceManager.notify(.ready)
        }
    }
}

// MARK: - Ending

extension Supervisor {
    private mutating func ended(_ id: Int, _ how: ProcessEnd) async {
        guard let worker = workers.removeValue(forKey: id) else { return }
        worker.process.stopListening()
        options.event(WorkerEvent(.ended, worker.process.number, how.text))
        if slots[worker.slot].current == id { slots[worker.slot].current = nil }
        if isStopping { return }
        if let renewal, renewal.successor == id, !worker.isReady {
            // What is new does not work: what is old serves on.
            self.renewal = nil
            slotsToRenew = []
            if slots[worker.slot].current == nil { startAgain(worker.slot, failed: true, how.text) }
            return
        }
        if let renewal, renewal.old == id {
            // It may have crashed before its successor was ready, which then comes anyway.
            if slots[renewal.slot].current == nil { return }
            self.renewal = nil
            await renewNext()
            return
        }
        let lifetime = MonotonicTime.now.nanoseconds - worker.startedAt.nanoseconds
        let isEarly = !worker.isReady || .nanoseconds(lifetime) < options.minimumLifetime
        startAgain(worker.slot, failed: isEarly, how.text)
    }

    private mutating func renewNext() async {
        while renewal == nil, !isStopping, let slot = slotsToRenew.first {
            slotsToRenew.removeFirst()
            // A slot without a worker is about to get a new one.
            guard let old = slots[slot].current else { continue }
            guard let successor = await startWorker(for: slot) else {
                slotsToRenew = []
                return
            }
            renewal = Renewal(slot: slot, old: old, successor: successor)
        }
    }

    private mutating func leave(_ id: Int) {
        guard let worker = workers[id], !worker.isLeaving else { return }
        workers[id]?.isLeaving = true
        options.event(WorkerEvent(.leaving, worker.process.number))
        worker.process.send(.terminate)
        post(.notGoneInTime(worker: id), after: options.drain)
    }

    private mutating func stop() {
        if isStopping { return }
        isStopping = true
        _ = try? ServiceManager.notify(.stopping)
        // Who comes now shall be refused, not wait in the queue of a socket that nobody serves.
        for socket in owner.sockets { socket.close() }
        for id in workers.keys.sorted() { leave(id) }
    }

    private func kill(_ worker: Worker, _ why: String) {
        options.event(WorkerEvent(.killed, worker.process.number, why))
        worker.process.send(.kill)
    }
}
