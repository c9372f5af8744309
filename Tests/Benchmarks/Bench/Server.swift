/// A server that is measured: what it is called and how it is started.
struct Server: Sendable {
    /// Its name in results, in charts and on the command line.
    let name: String
    /// The executable; nil for another project's command line.
    let executable: Tool?
    /// The word or words before the address.
    let kind: String
    /// What is set in its environment.
    var environment: [String: String] = [:]
    /// The server that its ratios refer to; nil for the first of the scenario.
    var reference: String?

    /// Whether it can be started here.
    var isBuilt: Bool {
        executable?.isBuilt ?? true
    }

    /// The words that start it at `address`, with `threads` threads.
    func command(at address: String, threads: Int) -> [String] {
        guard let executable else { return kind.split(separator: " ").map(String.init) + [address] }
        return [executable.path, kind, address] + (threads > 1 ? ["\(threads)"] : [])
    }
}

extension Server {
    static let edge = Server(name: "C epoll edge", executable: .bare, kind: "edge")
    static let level = Server(name: "C epoll level", executable: .bare, kind: "level")
    static let poll = Server(name: "C poll", executable: .bare, kind: "poll")
    static let select = Server(name: "C select", executable: .bare, kind: "select")

    static let serve = Server(name: "AsyncSockets serve", executable: .ours, kind: "serve")
    static let sharded = Server(name: "AsyncSockets shards", executable: .ours, kind: "sharded")
    static let readInto = Server(name: "AsyncSockets read(into:)", executable: .ours, kind: "into")
    static let loops = Server(name: "AsyncSockets by hand", executable: .ours, kind: "loops")
    static let global = Server(
        name: "AsyncSockets global executor",
        executable: .ours,
        kind: "global"
    )

    /// Ours on another way to wait, compared with bare C on the same.
    static func ours(on backend: String, like bare: Server) -> Server {
        Server(
            name: "AsyncSockets \(backend)",
            executable: .ours,
            kind: "serve",
            environment: ["ASYNCSOCKETS_BACKEND": backend],
            reference: bare.name
        )
    }

    static let tokio = Server(name: "tokio", executable: .tokio, kind: "streams")
    static let libuv = Server(name: "libuv", executable: .libuv, kind: "streams")
    static let go = Server(name: "Go", executable: .go, kind: "streams")
    static let handlers = Server(name: "SwiftNIO handlers", executable: .nio, kind: "handlers")
    static let async = Server(name: "SwiftNIO async", executable: .nio, kind: "async")
    static let asyncOnLoop = Server(
        name: "SwiftNIO async on loop",
        executable: .nio,
        kind: "async-on-loop"
    )
    static let flyingSocks = Server(
        name: "FlyingSocks",
        executable: .flyingSocks,
        kind: "streams"
    )

    /// All servers of streams; bare C first, because the others are compared with it.
    static let streams = [
        edge, serve, loops, global, tokio, libuv, go, handlers, asyncOnLoop, async, flyingSocks,
    ]

    /// Everybody whose round trips can be looked into.
    static let all = streams + [readInto, sharded, level, poll, select, ourDatagrams]

    /// Those that can serve with two threads.
    static let threaded = [edge, serve, sharded, tokio, go, handlers, asyncOnLoop]

    static let naive = Server(name: "C recvfrom", executable: .bare, kind: "datagrams")
    static let batched = Server(name: "C recvmmsg", executable: .bare, kind: "datagrams-batched")
    static let segmented = Server(
        name: "C GSO and GRO",
        executable: .bare,
        kind: "datagrams-segmented"
    )
    static let ourDatagrams = Server(
        name: "AsyncSockets for await",
        executable: .ours,
        kind: "datagrams"
    )
    static let ourDatagramsInto = Server(
        name: "AsyncSockets receive(into:)",
        executable: .ours,
        kind: "datagrams-into"
    )
    static let ourBatches = Server(
        name: "AsyncSockets batches",
        executable: .ours,
        kind: "datagrams-batched"
    )
    static let ourSegments = Server(
        name: "AsyncSockets GSO and GRO",
        executable: .ours,
        kind: "datagrams-segmented"
    )

    /// The peers that echo datagrams.
    static let datagramPeers = [
        Server(name: "tokio", executable: .tokio, kind: "datagrams"),
        Server(name: "libuv", executable: .libuv, kind: "datagrams"),
        Server(name: "Go", executable: .go, kind: "datagrams"),
        Server(name: "SwiftNIO handlers", executable: .nio, kind: "datagrams"),
        Server(name: "FlyingSocks", executable: .flyingSocks, kind: "datagrams"),
    ]
}
