import AsyncSockets
import ExampleSupport
import Synchronization

/// Serves echo on one loop of the backend; prints the address, and the error of the first client
/// that failed.
func runServer(backend name: String) async throws {
    guard let backend = EventLoopGroup.Backend(named: name) else {
        throw WrongArguments("no backend is called \(name)")
    }
    let group = try EventLoopGroup(loops: 1, backend: backend)
    let hasFailed = Mutex(false)
    let options = ServeOptions(clientFailed: { _, error in
        let isFirst = hasFailed.withLock { hasFailed in
            defer { hasFailed = true }
            return !hasFailed
        }
        if isFirst { say("failed: \(error)") }
    })
    try await serve(
        at: "127.0.0.1:0",
        options: options,
        on: group,
        ready: { say("listening on \($0)") },
        { connection in
            for try await chunk in connection { try await connection.write(chunk) }
        }
    )
}
