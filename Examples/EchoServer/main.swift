import AsyncSockets
internal import Glibc

let address = CommandLine.arguments.dropFirst().first ?? "127.0.0.1:9999"
if address.hasPrefix("unix:") {
    await echo(try UnixListener.bind(to: address))
} else {
    await echo(try TCPListener.bind(to: address))
}

func echo(_ listener: some StreamListener) async {
    print("listening on \(listener.localAddress)")
    fflush(nil)
    await withEventLoops {
        await withDiscardingTaskGroup { clients in
            for await connection in listener {
                clients.addTask {
                    do {
                        for try await chunk in connection { try await connection.write(chunk) }
                    } catch {
                        // The client's affair.
                    }
                }
            }
        }
    }
}
