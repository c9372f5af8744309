// Tries the library for as long as one likes, by chance that a seed repeats:
//
//     swift run -c release stress [refused|model|faults] [--minutes N] [--seed N]
//
// refused  every system call refused in turn, in a process of its own, from its first line on
// model    random programs beside a model of what may be seen
// faults   the same while system calls fail as they may
//
// Without a name all three share the time, one minute if none is given. A failure prints the seed
// that repeats it. The status is 0 if nothing was wrong.

import Glibc
import TestKit

let arguments = CommandLine.arguments.dropFirst()
if arguments.first == "scenario" { await runScenario(arguments.dropFirst()) }

guard let options = StressOptions(arguments) else {
    say("usage: stress [refused|model|faults] [--minutes N] [--seed N]")
    exit(64)
}
var failures = 0
for part in options.parts {
    let end = ContinuousClock.now + options.share
    switch part {
    case .refused:
        // All of them in the usual order, if there is time.
        let order = options.minutes >= 5 ? nil : SeededGenerator(seed: options.seed)
        failures += await RefusedRun.run(order: order, until: end)
    case .model: failures += await ModelRun.run(options, failing: false, until: end)
    case .faults: failures += await ModelRun.run(options, failing: true, until: end)
    }
}
exit(failures == 0 ? 0 : 1)
