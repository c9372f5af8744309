import SocketSystem
import TestKit
import Testing

@testable import AsyncSockets

private let six = "2001:db8::6"
private let sixB = "2001:db8::66"
private let four = "192.0.2.4"
private let fourB = "192.0.2.44"

/// A script, and what comes of it.
struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let script: @Sendable (inout RaceSimulation) -> Void
    let trace: [String]

    init(
        _ name: String,
        _ script: @escaping @Sendable (inout RaceSimulation) -> Void,
        _ trace: String...
    ) {
        testDescription = name
        self.script = script
        self.trace = trace
    }
}

private let answers: [Row] = [
    Row(
        "IPv6 first: at once",
        {
            $0.aaaa = .addresses([six], after: 10)
            $0.a = .addresses([four], after: 20)
            $0.hosts = [six: .connects(after: 30)]
        },
        "10 connect 2001:db8::6",
        "40 connected(0)"
    ),
    Row(
        "IPv4 first, IPv6 within the resolution delay: IPv6 begins",
        {
            $0.a = .addresses([four], after: 10)
            $0.aaaa = .addresses([six], after: 40)
            $0.hosts = [six: .connects(after: 5)]
        },
        "40 connect 2001:db8::6",
        "45 connected(0)"
    ),
    Row(
        "IPv4 first, IPv6 never: after the resolution delay",
        {
            $0.a = .addresses([four], after: 10)
            $0.hosts = [four: .connects(after: 5)]
        },
        "60 connect 192.0.2.4",
        "65 connected(0)"
    ),
    Row(
        "IPv4 first, IPv6 has none: at once",
        {
            $0.a = .addresses([four], after: 10)
            $0.aaaa = .fails(.nameHasNoAddress, after: 15)
            $0.hosts = [four: .connects(after: 5)]
        },
        "15 connect 192.0.2.4",
        "20 connected(0)"
    ),
    Row(
        "IPv6 has none: IPv4 begins without a delay",
        {
            $0.aaaa = .fails(.nameHasNoAddress, after: 5)
            $0.a = .addresses([four], after: 100)
            $0.hosts = [four: .connects(after: 5)]
        },
        "100 connect 192.0.2.4",
        "105 connected(0)"
    ),
    Row(
        "IPv6 only",
        {
            $0.a = .fails(.nameHasNoAddress, after: 1)
            $0.aaaa = .addresses([six], after: 80)
            $0.hosts = [six: .connects(after: 5)]
        },
        "80 connect 2001:db8::6",
        "85 connected(0)"
    ),
    Row(
        "IPv6 late: it joins when its turn comes",
        {
            $0.a = .addresses([four], after: 0)
            $0.aaaa = .addresses([six], after: 120)
            $0.hosts = [six: .connects(after: 20)]
        },
        "50 connect 192.0.2.4",
        "300 connect 2001:db8::6",
        "320 abandon 0",
        "320 connected(1)"
    ),
    Row(
        "IPv6 very late: its turn has come already",
        {
            $0.a = .addresses([four], after: 0)
            $0.aaaa = .addresses([six], after: 700)
            $0.hosts = [six: .connects(after: 20)]
        },
        "50 connect 192.0.2.4",
        "700 connect 2001:db8::6",
        "720 abandon 0",
        "720 connected(1)"
    ),
    Row(
        "The answer and the end of the resolution delay in one moment",
        {
            $0.a = .addresses([four], after: 0)
            $0.aaaa = .addresses([six], after: 50)
            $0.hosts = [four: .connects(after: 9), six: .connects(after: 9)]
        },
        "50 connect 2001:db8::6",
        "59 connected(0)"
    ),
    Row(
        "Both lookups fail",
        {
            $0.a = .fails(.nameNotFound, after: 5)
            $0.aaaa = .fails(.nameNotFound, after: 9)
        },
        "9 failed"
    ),
    Row(
        "Answers without addresses",
        {
            $0.a = .addresses([], after: 5)
            $0.aaaa = .addresses([], after: 9)
        },
        "9 failed"
    ),
]

private let attempts: [Row] = [
    Row(
        "Black holes: the versions take turns, 250 ms apart",
        {
            $0.aaaa = .addresses([six, sixB], after: 0)
            $0.a = .addresses([four, fourB], after: 0)
            $0.hosts = [fourB: .connects(after: 10)]
        },
        "0 connect 2001:db8::6",
        "250 connect 192.0.2.4",
        "500 connect 2001:db8::66",
        "750 connect 192.0.2.44",
        "760 abandon 0",
        "760 abandon 1",
        "760 abandon 2",
        "760 connected(3)"
    ),
    Row(
        "A failure starts the next one at once, and its delay anew",
        {
            $0.aaaa = .addresses([six, sixB], after: 0)
            $0.a = .addresses([four], after: 0)
            $0.hosts = [six: .refuses(after: 100), sixB: .connects(after: 1)]
        },
        "0 connect 2001:db8::6",
        "100 connect 192.0.2.4",
        "350 connect 2001:db8::66",
        "351 abandon 1",
        "351 connected(2)"
    ),
    Row(
        "The first attempt wins although others have begun",
        {
            $0.aaaa = .addresses([six], after: 0)
            $0.a = .addresses([four], after: 0)
            $0.hosts = [six: .connects(after: 300), four: .connects(after: 100)]
        },
        "0 connect 2001:db8::6",
        "250 connect 192.0.2.4",
        "300 abandon 1",
        "300 connected(0)"
    ),
    Row(
        "All refuse",
        {
            $0.aaaa = .addresses([six], after: 0)
            $0.a = .addresses([four], after: 0)
            $0.hosts = [six: .refuses(after: 3), four: .refuses(after: 4)]
        },
        "0 connect 2001:db8::6",
        "3 connect 192.0.2.4",
        "7 failed"
    ),
    Row(
        "All refuse, but an answer is still awaited",
        {
            $0.aaaa = .addresses([six], after: 0)
            $0.a = .addresses([four], after: 90)
            $0.hosts = [six: .refuses(after: 3), four: .connects(after: 4)]
        },
        "0 connect 2001:db8::6",
        "90 connect 192.0.2.4",
        "94 connected(1)"
    ),
    Row(
        "One address twice in the answers is tried once",
        {
            $0.aaaa = .fails(.nameHasNoAddress, after: 0)
            $0.a = .addresses([four, four], after: 0)
            $0.hosts = [four: .refuses(after: 3)]
        },
        "0 connect 192.0.2.4",
        "3 failed"
    ),
    Row(
        "A loser that connects all the same is closed",
        {
            $0.aaaa = .addresses([six], after: 0)
            $0.a = .addresses([four], after: 0)
            $0.hosts = [six: .connectsAnyway(after: 260), four: .connects(after: 5)]
        },
        "0 connect 2001:db8::6",
        "250 connect 192.0.2.4",
        "255 abandon 0",
        "255 connected(1)",
        "260 close 0"
    ),
    Row(
        "The attempt delay is an option",
        {
            $0.timing.attemptDelay = .milliseconds(10)
            $0.aaaa = .addresses([six], after: 0)
            $0.a = .addresses([four], after: 0)
            $0.hosts = [four: .connects(after: 5)]
        },
        "0 connect 2001:db8::6",
        "10 connect 192.0.2.4",
        "15 abandon 0",
        "15 connected(1)"
    ),
]

private let cancellations: [Row] = [
    Row("Both lookups", { $0.cancelsAfter = 7 }, "7 cancelled"),
    Row(
        "The resolution delay",
        {
            $0.a = .addresses([four], after: 0)
            $0.cancelsAfter = 20
        },
        "20 cancelled"
    ),
    Row(
        "Two attempts",
        {
            $0.aaaa = .addresses([six], after: 0)
            $0.a = .addresses([four], after: 0)
            $0.cancelsAfter = 300
        },
        "0 connect 2001:db8::6",
        "250 connect 192.0.2.4",
        "300 abandon 0",
        "300 abandon 1",
        "300 cancelled"
    ),
    Row(
        "A connection that comes after it is closed",
        {
            $0.aaaa = .addresses([six], after: 0)
            $0.hosts = [six: .connectsAnyway(after: 30)]
            $0.cancelsAfter = 20
        },
        "0 connect 2001:db8::6",
        "20 abandon 0",
        "20 cancelled",
        "30 close 0"
    ),
    Row(
        "An answer that comes after it starts nothing",
        {
            $0.aaaa = .addresses([six], after: 30)
            $0.cancelsAfter = 20
        },
        "20 cancelled"
    ),
]

/// The rules of RFC 8305 as a table: a script, and what must come of it at which millisecond.
@Suite(.fewAtOnce, .endsHangs)
struct HappyEyeballsTests {
    private func check(_ row: Row) {
        var simulation = RaceSimulation()
        row.script(&simulation)
        let (trace, _) = simulation.run()
        #expect(trace == ["0 look up IPv6", "0 look up IPv4"] + row.trace)
    }

    @Test("Answers decide when the race begins", arguments: answers)
    func answer(row: Row) { check(row) }

    @Test("Attempts start one by one", arguments: attempts)
    func attemptsStartOneByOne(row: Row) { check(row) }

    @Test("Cancelling ends every stage at once", arguments: cancellations)
    func cancellingEndsEveryStage(row: Row) { check(row) }

    @Test("One version alone waits for no other")
    func oneVersion() {
        var simulation = RaceSimulation(
            a: .addresses([four], after: 10),
            hosts: [four: .connects(after: 5)]
        )
        simulation.versions = [.v4]
        let trace = simulation.run().trace
        #expect(trace == ["0 look up IPv4", "10 connect 192.0.2.4", "15 connected(0)"])
    }

    @Test("The report has every attempt with address, cause and times")
    func reportHasEveryAttempt() throws {
        let (_, machine) = RaceSimulation(
            aaaa: .addresses([six], after: 10),
            a: .addresses([four], after: 10),
            hosts: [six: .refuses(after: 3), four: .refuses(after: 4)]
        ).run()
        let error = machine.error(for: try HostName("example.org"), port: 80)
        #expect(error.code == .connectionRefused)
        #expect(error.attempts.map(\.address.description) == ["[\(six)]:80", "\(four):80"])
        #expect(error.attempts.map(\.start) == [.milliseconds(10), .milliseconds(13)])
        #expect(error.attempts.map(\.duration) == [.milliseconds(3), .milliseconds(4)])
        #expect(
            error.description == """
                connect: example.org:80: all 2 attempts failed: \
                [2001:db8::6]:80: connection refused (ECONNREFUSED) after 3.0 ms; \
                192.0.2.4:80: connection refused (ECONNREFUSED) after 4.0 ms
                """
        )
    }

    @Test("Delays outside the RFC's bounds count as the bounds")
    func delaysKeepTheirBounds() {
        func delay(_ delay: Duration) -> Duration {
            NameOptions(attemptDelay: delay).timing.attemptDelay
        }
        #expect(delay(.zero) == .milliseconds(10))
        #expect(delay(.seconds(-1)) == .milliseconds(10))
        #expect(delay(.milliseconds(100)) == .milliseconds(100))
        #expect(delay(.seconds(60)) == .seconds(2))
        #expect(NameOptions().timing == HappyEyeballs.Timing())
        #expect(NameOptions(resolutionDelay: .seconds(-1)).timing.resolutionDelay == .zero)
    }

    @Test("Whatever happens in whatever order, a race ends once and leaves nothing open")
    func anyOrder() {
        for seed in 0..<2000 {
            var random = SeededGenerator(seed: UInt64(seed))
            func behaviour() -> RaceSimulation.Behaviour {
                let delay = Int.random(in: 0...600, using: &random)
                return switch Int.random(in: 0..<4, using: &random) {
                case 0: .connects(after: delay)
                case 1: .refuses(after: delay)
                case 2: .never
                default: .connectsAnyway(after: delay)
                }
            }
            func answer(_ addresses: [String]) -> RaceSimulation.Answer {
                let delay = Int.random(in: 0...400, using: &random)
                return switch Int.random(in: 0..<4, using: &random) {
                case 0: .fails(.nameNotFound, after: delay)
                case 1: .addresses([], after: delay)
                default: .addresses(addresses, after: delay)
                }
            }
            var simulation = RaceSimulation()
            simulation.aaaa = answer([six, sixB])
            simulation.a = answer([four, fourB])
            for host in [six, sixB, four, fourB] { simulation.hosts[host] = behaviour() }
            simulation.cancelsAfter = Int.random(in: 1000...2000, using: &random)
            let (trace, machine) = simulation.run()
            let ends = trace.filter { line in
                ["connected", "failed", "cancelled"].contains { line.contains($0) }
            }
            #expect(ends.count == 1, "seed \(seed): \(trace)")
            // Each attempt failed, won, or was abandoned.
            let won = ends.count { $0.contains("connected") }
            let failed = machine.attempts.count { $0.error != nil }
            let abandoned = trace.count { $0.contains("abandon") }
            #expect(machine.attempts.count == won + failed + abandoned, "seed \(seed): \(trace)")
        }
    }
}
