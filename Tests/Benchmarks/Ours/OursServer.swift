import AsyncSockets
import PeerSupport

/// This library, each of the ways its own documentation shows.
@main
struct OursServer {
    let arguments: Arguments

    static func main() {
        let arguments = Arguments(kinds: ["serve", "into", "loops", "global"])
        let server = OursServer(arguments: arguments)
        runServer {
            switch arguments.kind {
            case "serve": try await server.serveChunks()
            case "into": try await server.serveIntoBuffer()
            case "loops": try await withEventLoops { try await server.serveByHand() }
            default: try await server.serveByHand()
            }
        }
    }
}
