import CStress
import Glibc
import TestKit

/// Runs every scenario in a process of its own for each call that is refused, with each error.
///
/// Right is: it works, by another way or without what is optional; or it ends with a sentence that
/// names the call. Wrong is everything else.
struct RefusedRun {
    /// How long a scenario may take: it takes a tenth of a second alone.
    static let limit: CInt = 20_000
    /// More processor time than a scenario needs that does not spin, in milliseconds.
    static let mostProcessorTime: Int64 = 3000

    struct Case: Sendable {
        let call: String
        let words: [String]
        let error: CInt
        let scenario: String

        /// Everything, the same call's cases beside each other.
        static var all: [Case] {
            RefusedCall.all.filter { unsafe stress_call_number($0.name) >= 0 }.flatMap { call in
                [EPERM, EACCES, ENOSYS].flatMap { error in
                    Scenario.all.filter { !(call.keepsFromStarting && $0.startsPrograms) }.map {
                        Case(call: call.name, words: call.words, error: error, scenario: $0.name)
                    }
                }
            }
        }
    }

    enum Verdict: Sendable, Equatable {
        case works
        case tells(String)
        case wrong(String)
    }

    /// - Parameters:
    ///   - order: The order of the cases, if not all can be tried; nil for the usual one.
    ///   - end: When no further case begins.
    /// - Returns: How many cases were wrong.
    static func run(order: SeededGenerator?, until end: ContinuousClock.Instant) async -> Int {
        _ = stress_adopt_orphans()
        // A crash is told by its signal.
        unsafe setenv("SWIFT_BACKTRACE", "enable=no", 1)
        var cases = Case.all
        if var order { cases.shuffle(using: &order) }
        var counts = (tried: 0, told: 0, wrong: 0)
        await withTaskGroup(of: (Case, Verdict).self) { tasks in
            var rest = cases.makeIterator()
            func begin() {
                guard ContinuousClock.now < end, let next = rest.next() else { return }
                tasks.addTask { (next, await judge(next)) }
            }
            for _ in 0..<8 { begin() }
            for await (tried, verdict) in tasks {
                begin()
                counts.tried += 1
                let error =
                    tried.error == EPERM ? "EPERM" : tried.error == EACCES ? "EACCES" : "ENOSYS"
                let title = "\(tried.call) \(error) \(tried.scenario)"
                switch verdict {
                case .works: break
                case .tells: counts.told += 1
                case .wrong(let what):
                    counts.wrong += 1
                    say("WRONG \(title): \(what)")
                }
            }
        }
        say(
            "refused: \(counts.tried) of \(cases.count) cases, \(counts.told) ended with a sentence "
                + "that names the call, \(counts.wrong) wrong"
        )
        return counts.wrong
    }

    private static func judge(_ tried: Case) async -> Verdict {
        let directory = TemporaryDirectory()
        let outcome = await onThread {
            var outcome = stress_outcome()
            let result = unsafe stress_run_scenario(
                CommandLine.arguments[0],
                tried.scenario,
                directory.path,
                tried.call,
                tried.error,
                limit,
                &outcome
            )
            return result < 0 ? nil : Outcome(outcome)
        }
        guard let outcome else { return .wrong("it could not be started") }
        let verdict = outcome.verdict(of: tried)
        // Only an empty directory can be removed.
        if case .wrong = verdict { return verdict }
        removeDirectory(directory.path)
        if fileExists(directory.path), tried.call != "unlink" { return .wrong("it left a file") }
        return verdict
    }
}

/// How a scenario's process ended.
private struct Outcome: Sendable {
    let status: CInt
    let wasLate: Bool
    let processorMilliseconds: Int64
    let leftBehind: CInt
    let output: String

    init(_ outcome: stress_outcome) {
        status = outcome.status
        wasLate = outcome.was_late != 0
        processorMilliseconds = outcome.processor_milliseconds
        leftBehind = outcome.left_behind
        output = unsafe withUnsafeBytes(of: outcome.output) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    func verdict(of tried: RefusedRun.Case) -> RefusedRun.Verdict {
        let spins = processorMilliseconds > RefusedRun.mostProcessorTime
        if wasLate { return .wrong(spins ? "it hangs, and spins" : "it hangs" + said) }
        if spins { return .wrong("it took \(processorMilliseconds) ms of processor time" + said) }
        if leftBehind > 0 { return .wrong("it left \(leftBehind) processes behind" + said) }
        if status & 0x7f != 0 { return .wrong("it was killed by signal \(status & 0x7f)" + said) }
        switch status >> 8 {
        case 0: return .works
        case 1:
            let text = output.lowercased()
            if tried.words.contains(where: { text.contains($0) }) { return .tells(output) }
            // The new version is refused from its first instruction on: the run-time's own loop may
            // be what fails there, and the old version cannot know the reason.
            if text.contains("the new version was not ready within") { return .tells(output) }
            return .wrong("no sentence names the call" + said)
        default: return .wrong(output)
        }
    }

    private var said: String {
        output.isEmpty ? "" : ": " + output.split(separator: "\n").joined(separator: " / ")
    }
}

/// What the process of a scenario does.
func runScenario(_ arguments: ArraySlice<String>) async -> Never {
    let arguments = Array(arguments)
    guard arguments.count == 4, let error = CInt(arguments[3]),
        let scenario = Scenario.all.first(where: { $0.name == arguments[0] })
    else { finish(2, "no such scenario: \(arguments)") }
    // The runtime has an event loop of its own, and ends the program if that is refused anything:
    // it begins before.
    await Task.detached {}.value
    try? await Task.sleep(for: .milliseconds(1))
    let call = unsafe stress_call_number(arguments[2])
    if error != 0, call < 0 || stress_refuse(call, error) < 0 {
        finish(2, "\(arguments[2]) cannot be refused")
    }
    let troubles = Troubles()
    do {
        try await scenario.run(arguments[1], troubles)
    } catch let error as Wrong {
        finish(troubles.sentences.isEmpty ? 2 : 1, "\(error)", troubles.sentences)
    } catch {
        troubles.add(error)
    }
    let sentences = troubles.sentences
    finish(sentences.isEmpty ? 0 : 1, "", sentences)
}

/// Says what is to be said, and ends the process.
private func finish(_ status: CInt, _ text: String, _ sentences: [String] = []) -> Never {
    for line in sentences + (text.isEmpty ? [] : [text]) { say(line) }
    exit(status)
}
