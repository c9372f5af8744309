internal import SocketReactor
internal import SocketSystem

/// Drives `HappyEyeballs` with real lookups, sockets and timers. Each is a child task, so nothing
/// of a race is left when it is over.
struct ConnectionRace {
    let name: HostName
    let port: UInt16
    let options: ConnectOptions
    let resolver: Resolver
    let group: EventLoopGroup

    /// The result of a child task.
    private enum Report: Sendable {
        case event(HappyEyeballs.Event)
        case connected(Int, Registration)
        /// The whole race was cancelled.
        case cancelled

        var event: HappyEyeballs.Event {
            switch self {
            case .event(let event): event
            case .connected(let number, _): .connected(number)
            case .cancelled: .cancelled
            }
        }
    }

    private typealias Children = TaskGroup<Report>

    /// Looks up the name, connects, and returns the first connection.
    ///
    /// The deadline of the calling task applies to the whole race and all of its children.
    func run() async throws -> (Registration, SocketAddress) {
        try Task.checkCancellation()
        let deadline = Deadline.current
        return try await Deadline.with(nil) { try await run(until: deadline) }
    }

    private func run(until deadline: Deadline?) async throws -> (Registration, SocketAddress) {
        let loop = try group.loops(for: .connect).leastLoadedLoop
        let versions = try versions()
        let question = resolver.question(name, versions, on: group)
        let start = HappyEyeballs(port: port, versions: versions, timing: options.names.timing)
        let result: Result<(Registration, SocketAddress), any Error>
        result = await withTaskGroup(of: Report.self) { children in
            var machine = start
            var connections: [Int: Registration] = [:]
            if let deadline {
                children.addTask { await sleep(until: deadline.moment, on: loop, then: .expired) }
            }
            var outcome = carryOut(machine.start(at: .now), by: &children, question, on: loop)
            while outcome == nil, let report = await children.next() {
                if case .connected(let number, let registration) = report {
                    connections[number] = registration
                }
                let actions = machine.handle(report.event, at: .now)
                outcome = carryOut(actions, by: &children, question, on: loop)
            }
            children.cancelAll()
            let winner = outcome?.winner
            let won = winner.flatMap { connections.removeValue(forKey: $0) }
            // A loser may have connected before it learnt that it lost.
            for loser in connections.values { loser.close() }
            for await case .connected(_, let loser) in children { loser.close() }
            if let won, let winner { return .success((won, machine.attempts[winner].address)) }
            if outcome == .timedOut { return .failure(machine.timedOut(for: name, port: port)) }
            if outcome == .failed { return .failure(machine.error(for: name, port: port)) }
            return .failure(CancellationError())
        }
        return try result.get()
    }

    /// Carries out the machine's actions; returns the race's outcome, if it is over.
    private func carryOut(
        _ actions: [HappyEyeballs.Action],
        by children: inout Children,
        _ question: NameQuestion,
        on loop: EventLoop
    ) -> HappyEyeballs.Outcome? {
        for action in actions {
            switch action {
            case .lookUp(let version):
                children.addTask { await lookUp(version, question) }
            case .connect(let number, let address):
                children.addTask { await connect(number, to: address) }
            case .wake(let moment):
                children.addTask { await sleep(until: moment, on: loop, then: .timerFired) }
            case .abandon, .close:
                // Losers exist only once the race is over, and then all children are cancelled.
                break
            case .finish(let outcome):
                return outcome
            }
        }
        return nil
    }

    private func sleep(
        until moment: MonotonicTime,
        on loop: EventLoop,
        then event: HappyEyeballs.Event
    ) async -> Report {
        // A loop that was shut down ends the attempts too, with an error that says so.
        (try? await loop.sleep(until: moment)) == nil ? .cancelled : .event(event)
    }

    private func lookUp(_ version: IPAddress.Version, _ question: NameQuestion) async -> Report {
        do {
            return .event(.answered(version, try await question.addresses(version)))
        } catch {
            guard let failure = error as? SocketError else { return .cancelled }
            return .event(.lookupFailed(version, failure))
        }
    }

    private func connect(_ number: Int, to address: SocketAddress) async -> Report {
        do {
            return .connected(number, try await connectTCP(to: address, options, on: group))
        } catch {
            guard let failure = error as? SocketError else { return .cancelled }
            return .event(.failed(number, failure))
        }
    }

    /// The versions that can be of use.
    private func versions() throws(SocketError) -> Set<IPAddress.Version> {
        var versions = Set(IPAddress.Version.allCases)
        if let wanted = options.names.version { versions = [wanted] }
        if let local = options.localAddress {
            versions.formIntersection(local.ip.map { [$0.version] } ?? [])
        }
        if !versions.isEmpty { return versions }
        throw SocketError(
            .connect,
            code: .wrongAddressFamily,
            local: options.localAddress,
            reason: "the local address is not of the version of IP that is wanted"
        )
    }
}

extension HappyEyeballs.Outcome {
    /// The number of the attempt that connected.
    fileprivate var winner: Int? {
        if case .connected(let number) = self { return number }
        return nil
    }
}
