import FlyingSocks
import Foundation
import PeerSupport

/// FlyingSocks, as its own documentation shows it.
@main
struct FlyingSocksPeer {
    static func main() {
        let arguments = Arguments(kinds: ["streams", "datagrams"])
        runServer { try await serve(arguments) }
    }

    static func serve(_ arguments: Arguments) async throws {
        let pool = SocketPool.make()
        try await pool.prepare()
        async let running: Void = pool.run()
        if arguments.kind == "streams" {
            let socket = try bind(to: arguments.parts, type: .stream)
            try socket.listen()
            try announce(socket)
            try await serveStreams(AsyncSocket(socket: socket, pool: pool))
        } else {
            let socket = try bind(to: arguments.parts, type: .datagram)
            try announce(socket)
            try await serveDatagrams(AsyncSocket(socket: socket, pool: pool))
        }
        try await running
    }

    static func serveStreams(_ server: AsyncSocket) async throws {
        try await withThrowingDiscardingTaskGroup { clients in
            for try await client in server.sockets {
                // Not a TCP socket: no Nagle to switch off, and nothing to report.
                let noDelay = BoolSocketOption(level: Int32(IPPROTO_TCP), name: TCP_NODELAY)
                try? client.socket.setValue(true, for: noDelay)
                clients.addTask { try? await echo(client) }
            }
        }
    }

    static func echo(_ client: AsyncSocket) async throws {
        defer { try? client.close() }
        while true {
            try await client.write(Data(client.read(atMost: 4096)))
        }
    }

    // Not `server.messages`: sending to the `sockaddr_storage` that a datagram comes with recurses
    // without end in 0.27.1 (its size asks for its family, which asks for its size).
    static func serveDatagrams(_ server: AsyncSocket) async throws {
        while true {
            let (source, bytes): (any FlyingSocks.SocketAddress, [UInt8]) =
                try await server.receive(atMost: 2048)
            guard let storage = source as? sockaddr_storage else { continue }
            try await server.send(bytes, to: sockaddr_in.make(from: storage))
        }
    }

    static func bind(to parts: Arguments.Parts, type: SocketType) throws -> Socket {
        switch parts {
        case .internet(let host, let port):
            let socket = try Socket(domain: AF_INET, type: type)
            try socket.setValue(true, for: .localAddressReuse)
            try socket.bind(to: .inet(ip4: host, port: UInt16(port)))
            return socket
        case .unix(let path):
            unlink(path)
            let socket = try Socket(domain: AF_UNIX, type: type)
            try socket.bind(to: .unix(path: path))
            return socket
        }
    }

    static func announce(_ socket: Socket) throws {
        switch try socket.sockname() {
        case .ip4(let host, let port): PeerSupport.announce("\(host):\(port)")
        case .ip6(let host, let port): PeerSupport.announce("[\(host)]:\(port)")
        case .unix(let path): PeerSupport.announce("unix:\(path)")
        }
    }
}
