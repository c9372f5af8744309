import SocketSystem

@testable import AsyncSockets

/// Happy Eyeballs against a scripted resolver, scripted hosts and a clock that only the script
/// moves: what was done, and at which millisecond.
struct RaceSimulation {
    /// What a lookup answers, and when.
    enum Answer {
        case addresses([String], after: Int)
        case fails(SocketError.Code, after: Int)
        case never
    }

    /// What a host does with a connection, and when.
    enum Behaviour {
        case connects(after: Int)
        case refuses(after: Int)
        case never
        /// Connects although the attempt was given up: the packet was on its way.
        case connectsAnyway(after: Int)
    }

    var aaaa: Answer = .never
    var a: Answer = .never
    var hosts: [String: Behaviour] = [:]
    var cancelsAfter: Int?
    var versions: Set<IPAddress.Version> = [.v4, .v6]
    var timing = HappyEyeballs.Timing()

    private struct Planned {
        let time: Int
        let event: HappyEyeballs.Event
        /// The attempt whose end it is, if it is gone when that is abandoned.
        var attempt: Int?
    }

    /// Runs the script to its end.
    ///
    /// - Returns: Lines such as `250 connect 192.0.2.1`, and the machine at the end.
    func run() -> (trace: [String], machine: HappyEyeballs) {
        var machine = HappyEyeballs(port: 80, versions: versions, timing: timing)
        var trace: [String] = []
        var planned: [Planned] = []
        if let cancelsAfter { planned.append(Planned(time: cancelsAfter, event: .cancelled)) }
        perform(machine.start(at: moment(0)), at: 0, &planned, &trace)
        var steps = 0
        while let next = planned.enumerated().min(by: { $0.element.time < $1.element.time }) {
            planned.remove(at: next.offset)
            let time = next.element.time
            let actions = machine.handle(next.element.event, at: moment(time))
            perform(actions, at: time, &planned, &trace)
            steps += 1
            if steps > 1000 { return (trace + ["no end"], machine) }
        }
        return (trace, machine)
    }

    private func moment(_ milliseconds: Int) -> MonotonicTime {
        // The clock of a machine that has been up for a while.
        MonotonicTime(nanoseconds: 5_000_000_000 + Int64(milliseconds) * 1_000_000)
    }

    private func perform(
        _ actions: [HappyEyeballs.Action],
        at now: Int,
        _ planned: inout [Planned],
        _ trace: inout [String]
    ) {
        for action in actions {
            switch action {
            case .lookUp(let version):
                trace.append("\(now) look up \(version)")
                planned += plan(version == .v6 ? aaaa : a, version, now)
            case .connect(let number, let address):
                let host = address.ip.map(\.description) ?? "?"
                trace.append("\(now) connect \(host)")
                planned += plan(hosts[host] ?? .never, number, now)
            case .wake(let deadline):
                let time = (deadline.nanoseconds - 5_000_000_000) / 1_000_000
                planned.append(Planned(time: Int(time), event: .timerFired))
            case .abandon(let number):
                trace.append("\(now) abandon \(number)")
                planned.removeAll { $0.attempt == number }
            case .close(let number):
                trace.append("\(now) close \(number)")
            case .finish(let outcome):
                trace.append("\(now) \(outcome)")
            }
        }
    }

    private func plan(_ answer: Answer, _ version: IPAddress.Version, _ now: Int) -> [Planned] {
        switch answer {
        case .addresses(let texts, let delay):
            let addresses = texts.compactMap { try? IPAddress($0) }
            return [Planned(time: now + delay, event: .answered(version, addresses))]
        case .fails(let code, let delay):
            let error = SocketError(.resolve, code: code)
            return [Planned(time: now + delay, event: .lookupFailed(version, error))]
        case .never: return []
        }
    }

    private func plan(_ behaviour: Behaviour, _ number: Int, _ now: Int) -> [Planned] {
        switch behaviour {
        case .connects(let delay):
            [Planned(time: now + delay, event: .connected(number), attempt: number)]
        case .refuses(let delay):
            [
                Planned(
                    time: now + delay,
                    event: .failed(number, SocketError(.connect, .connectionRefused)),
                    attempt: number
                )
            ]
        case .never: []
        case .connectsAnyway(let delay): [Planned(time: now + delay, event: .connected(number))]
        }
    }
}
