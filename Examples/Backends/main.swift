// Backends [CONNECTIONS...]
//
// Runs one echo server on each backend, select, poll and epoll both ways, with more and more
// connections of which ten are at work, and prints what comes of it. The server is a process of
// its own, as its descriptors count: select(2) has no room for number 1024.

import AsyncSockets
import ExampleSupport

await runExample("Backends [CONNECTIONS...]", arguments: .max) { arguments in
    raiseDescriptorLimit()
    if arguments.first == "serve", arguments.count == 2 {
        return try await runServer(backend: arguments[1])
    }
    let sizes = arguments.compactMap { Int($0) }
    guard sizes.count == arguments.count, sizes.allSatisfy({ $0 > 0 }) else {
        throw WrongArguments()
    }
    try await withCancellation(on: .interrupt, .terminate) {
        try await compareBackends(connections: sizes.isEmpty ? [10, 100, 1000, 10_000] : sizes)
    }
}
