import AsyncSockets
internal import Glibc

let listener = try TCPListener.bind(to: CommandLine.arguments.dropFirst().first ?? "127.0.0.1:9999")
print("listening on \(listener.localAddress)"); fflush(nil)
await withEventLoops {
    await withDiscardingTaskGroup { clients in
        for await connection in listener {
            clients.addTask {
                do { for try await chunk in connection { try await connection.write(chunk) } } catch
                {}
            }
        }
    }
}
