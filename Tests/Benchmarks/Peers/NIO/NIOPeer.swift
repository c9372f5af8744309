import NIOCore
import NIOPosix
import PeerSupport

/// SwiftNIO, each of the ways its own examples show.
@main
struct NIOPeer {
    let arguments: Arguments
    let group: MultiThreadedEventLoopGroup

    static func main() {
        let arguments = Arguments(kinds: ["handlers", "async", "async-on-loop", "datagrams"])
        let group = MultiThreadedEventLoopGroup(numberOfThreads: arguments.threads)
        let peer = NIOPeer(arguments: arguments, group: group)
        runServer {
            switch arguments.kind {
            case "handlers": try await peer.serveWithHandlers()
            case "async": try await peer.serveAsync(onLoop: false)
            case "async-on-loop": try await peer.serveAsync(onLoop: true)
            default: try await peer.serveDatagrams()
            }
        }
    }

    /// A bootstrap with the options that all servers of the benchmarks have.
    func makeBootstrap() -> ServerBootstrap {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        guard case .internet = arguments.parts else { return bootstrap }
        return bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    }

    func announce(_ channel: any Channel) {
        let port = channel.localAddress?.port ?? 0
        let text =
            switch channel.localAddress {
            case .v4(let address)?: "\(address.host):\(port)"
            case .v6(let address)?: "[\(address.host)]:\(port)"
            default: arguments.address
            }
        PeerSupport.announce(text)
    }
}
