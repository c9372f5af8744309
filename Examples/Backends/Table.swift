import AsyncSockets
import ExampleSupport
internal import Glibc

/// Measures every backend with every number of connections and prints a line for each number.
func compareBackends(connections sizes: [Int]) async throws {
    let backends = EventLoopGroup.Backend.all
    say("64-byte round trips each second over \(activeConnections) of the connections, and the")
    say("server's processor time for each; one loop, client and server share the machine\n")
    say(column("connections") + backends.map { column($0.name) }.joined())
    var reasons: [String] = []
    try await withEventLoops {
        for size in sizes {
            guard size + 64 <= descriptorLimit else {
                say(column("\(size)") + "  needs ulimit -n \(size + 64)")
                continue
            }
            var (rates, costs) = ("", "")
            for backend in backends {
                try Task.checkCancellation()
                let server = try ServerProcess(backend: backend)
                let outcome: Outcome
                do {
                    outcome = try await measure(server, connections: size)
                } catch {
                    _ = server.end()
                    throw error
                }
                let said = server.end()
                switch outcome {
                case .measured(let perSecond, let microseconds):
                    rates += column("\(Int(perSecond.rounded()))/s")
                    costs += column("\((microseconds * 10).rounded() / 10) µs")
                case .stopped(let count):
                    rates += column("stops")
                    costs += column("at \(count)")
                    if !said.isEmpty { reasons.append("\(backend), \(size) connections: \(said)") }
                }
            }
            say(column("\(size)") + rates)
            say(column("") + costs)
        }
    }
    if !reasons.isEmpty { say("\n" + reasons.joined(separator: "\n")) }
}

private func column(_ text: String) -> String {
    String(repeating: " ", count: max(13 - text.count, 0)) + text
}

/// How many descriptors a process may have.
var descriptorLimit: Int {
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(clamping: limit.rlim_cur)
}

/// Allows as many as the system lets us have. The servers inherit it.
func raiseDescriptorLimit() {
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
