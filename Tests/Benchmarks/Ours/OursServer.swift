import AsyncSockets
import PeerSupport

/// This library, each of the ways its own documentation shows.
@main
struct OursServer {
    let arguments: Arguments

    static func main() {
        let arguments = Arguments(kinds: [
            "serve", "sharded", "into", "loops", "global",
            "datagrams", "datagrams-into", "datagrams-batched", "datagrams-segmented",
        ])
        let server = OursServer(arguments: arguments)
        runServer {
            switch arguments.kind {
            case "serve": try await server.serveChunks()
            case "sharded": try await server.serveShards()
            case "into": try await server.serveIntoBuffer()
            case "loops": try await withEventLoops { try await server.serveByHand() }
            case "datagrams": try await withEventLoops { try await server.echoDatagrams() }
            case "datagrams-into":
                try await withEventLoops { try await server.echoDatagramsIntoBuffer() }
            case "datagrams-batched":
                try await withEventLoops { try await server.echoDatagramsInBatches() }
            case "datagrams-segmented":
                try await withEventLoops {
                    try await server.echoDatagramsInBatches(joinsSegments: true)
                }
            default: try await server.serveByHand()
            }
        }
    }
}
