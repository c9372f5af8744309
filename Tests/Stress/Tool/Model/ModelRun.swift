import AsyncSockets
import CStress
import Glibc
import Synchronization
import TestKit

/// Runs random programs, one seed each, one after the other.
struct ModelRun {
    private let world: World
    /// How many descriptors stay open between programs.
    private let descriptors: Int
    private let watchdog = Watchdog()

    /// - Parameters:
    ///   - options: The seed of the one program to run, if it is one.
    ///   - failing: Whether system calls fail at random.
    ///   - end: When no further program begins.
    /// - Returns: How many programs broke the model.
    static func run(
        _ options: StressOptions,
        failing: Bool,
        until end: ContinuousClock.Instant
    ) async -> Int {
        let name = failing ? "faults" : "model"
        do {
            let run = try await ModelRun(failing: failing)
            var seeds = SeededGenerator(seed: nil)
            var counts = (programs: 0, broken: 0)
            repeat {
                let seed = options.seed ?? seeds.next() >> 32
                counts.programs += 1
                if let failure = await run.failure(ofSeed: seed, name) {
                    counts.broken += 1
                    say("BROKEN \(name) --seed \(seed): \(failure)")
                }
                if counts.programs % 100 == 0, let failure = await idle() {
                    counts.broken += 1
                    say("BROKEN \(name), before --seed \(seed) was done: \(failure)")
                }
            } while options.seed == nil && ContinuousClock.now < end
            let faults = failing ? ", \(stress_fault_count()) faults" : ""
            say("\(name): \(counts.programs) programs\(faults), \(counts.broken) broken")
            return counts.broken
        } catch {
            say("BROKEN \(name): it cannot begin: \(error)")
            return 1
        }
    }

    private init(failing: Bool) async throws {
        world = try World(failing: failing)
        // What stays open for ever: the shared loops, and the timers of the runtime.
        _ = EventLoopGroup.shared.loopCount
        try? await Task.sleep(for: .milliseconds(20), clock: .continuous)
        try? await Task.sleep(for: .milliseconds(20), clock: .suspending)
        descriptors = Self.openCount
    }

    /// What is wrong with loops that have nothing to do; nil if nothing is.
    private static func idle() async -> String? {
        let before = clock()
        try? await Task.sleep(for: .milliseconds(100))
        let spent = (clock() - before) * 1000 / CLOCKS_PER_SEC
        return spent < 50 ? nil : "the loops were busy for \(spent) ms of 100, with nothing to do"
    }

    private static var openCount: Int { (0..<CInt(2048)).count { fcntl($0, F_GETFD) >= 0 } }

    /// What was wrong with one program; nil if nothing was.
    private func failure(ofSeed seed: UInt64, _ name: String) async -> String? {
        var random = SeededGenerator(seed: seed)
        let group = random.pick(world.groups)
        let kind = Int.random(in: 0..<8, using: &random)
        watchdog.watch("\(name) --seed \(seed)")
        defer { watchdog.rest() }
        if world.failing {
            let isEdge = group.backend == .epoll
            stress_fail_calls(random.next(), Int.random(in: 3...30, using: &random), isEdge)
        }
        let onLoops = random.once(in: 2) ? group.taskExecutor : nil
        var failure: String?
        do {
            try await withTaskExecutorPreference(onLoops) {
                switch kind {
                case 0..<3: try await StreamProgram(world, &random).run(&random, on: group)
                case 3: try await CrowdProgram(world: world).run(&random, on: group)
                case 4: try await PacketProgram(world: world).run(&random, on: group)
                case 5: try await DatagramProgram(world: world).run(&random, on: group)
                default: try await ServerProgram(world: world).run(&random, on: group)
                }
            }
        } catch {
            failure = "\(error)"
        }
        stress_fail_calls(0, 0, false)
        if let failure { return failure }
        if !(await eventually { Self.openCount == descriptors }) {
            return "\(Self.openCount) descriptors are open, \(descriptors) were before"
        }
        return nil
    }
}

/// Ends the process if a program does not end in time: what hangs does so for ever.
private final class Watchdog: Sendable {
    private struct Watched {
        let title: String
        let end: ContinuousClock.Instant
    }

    private let watched = Mutex<Watched?>(nil)

    /// How long a program may take; it takes milliseconds on a machine of its own.
    private static let limit = Duration.seconds(120)

    init() {
        Task.detached { [self] in
            await onThread { [self] in
                while true {
                    if let late = watched.withLock({ $0 }), late.end < ContinuousClock.now {
                        say("BROKEN \(late.title): it hangs")
                        exit(1)
                    }
                    usleep(100_000)
                }
            }
        }
    }

    func watch(_ title: String) {
        watched.withLock { $0 = Watched(title: title, end: ContinuousClock.now + Self.limit) }
    }

    func rest() { watched.withLock { $0 = nil } }
}
