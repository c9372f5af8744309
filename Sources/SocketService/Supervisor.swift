internal import AsyncSockets
internal import SocketSystem

/// Carries out a `Supervision`'s decisions: one task, which gets all inputs through a mailbox.
struct Supervisor {
    private let owner: WorkerProcesses
    private let mailbox: AsyncStream<Supervision.Input>.Continuation
    private var supervision: Supervision
    private var processes: [Int: ChildProcess] = [:]

    init(_ owner: WorkerProcesses, _ mailbox: AsyncStream<Supervision.Input>.Continuation) {
        self.owner = owner
        self.mailbox = mailbox
        supervision = Supervision(owner.options.rules)
    }

    /// Returns when no worker is left: the reason for giving up, or nil if it was asked to stop.
    mutating func run(_ inputs: AsyncStream<Supervision.Input>) async -> SocketError? {
        mailbox.yield(.begin)
        await withDiscardingTaskGroup { timers in
            timers.addTask { await Self.feedWatchdog() }
            for await input in inputs {
                await handle(input, &timers)
                if supervision.isOver { break }
            }
            timers.cancelAll()
        }
        mailbox.finish()
        return supervision.failure.map {
            SocketError(.supervise, code: .processFailed, reason: $0)
        }
    }

    private mutating func handle(
        _ input: Supervision.Input,
        _ timers: inout DiscardingTaskGroup
    ) async {
        if case .ended(let worker, _) = input { processes[worker] = nil }
        for output in supervision.handle(input) {
            switch output {
            case .start(let worker): await handle(await start(worker), &timers)
            case .send(let signal, let worker, let event):
                do throws(Errno) {
                    try processes[worker]?.send(signal)
                    owner.options.event(event)
                } catch {
                    await handle(.notSent(signal, worker: worker, "\(error)"), &timers)
                }
            case .wake(let alarm, let delay):
                let mailbox = mailbox
                timers.addTask {
                    if await ChildLoop.sleep(for: delay) { mailbox.yield(.due(alarm)) }
                }
            case .closeSockets: for socket in owner.sockets { socket.close() }
            // A service manager that does not listen is no reason to stop.
            case .tell(let news): _ = try? ServiceManager.notify(news.message)
            case .report(let event): owner.options.event(event)
            }
        }
    }

    private mutating func start(_ worker: Int) async -> Supervision.Input {
        let mailbox = mailbox
        do throws(SocketError) {
            let process = try await ChildProcess.start(
                owner.program,
                sockets: owner.sockets,
                as: .worker
            ) { event in
                switch event {
                case .ready: mailbox.yield(.ready(worker: worker))
                case .unheard(let other): mailbox.yield(.unheard(worker: worker, from: other))
                case .ended(let how): mailbox.yield(.ended(worker: worker, how))
                }
            }
            processes[worker] = process
            return .started(worker: worker, process: process.number)
        } catch {
            return .notStarted(worker: worker, "\(error)")
        }
    }

    /// Feeds the service manager's watchdog, if it has one, to show that this loop still turns.
    private static func feedWatchdog() async {
        guard let interval = ServiceManager.watchdogInterval else { return }
        while await ChildLoop.sleep(for: interval / 2) {
            _ = try? ServiceManager.notify(.watchdog)
        }
    }
}

extension Supervision.News {
    fileprivate var message: ServiceManager.Message {
        switch self {
        case .ready: .ready
        case .reloading: .reloading
        case .stopping: .stopping
        case .status(let text): .status(text)
        }
    }
}
