/// A load, and the servers that it is put on.
struct Scenario: Sendable {
    /// Its name on the command line and in file names.
    let name: String
    let title: String
    /// What one operation is, as `rate` and `CPU per operation` count it.
    var operation = "round trip"
    /// The options of the load generator.
    let load: [String]
    /// The first is what the others are compared with.
    let servers: [Server]
    var address = Address.tcp
    var threads = 1
    /// How often and how long it is measured, if not like the others.
    var rounds: Int?
    var seconds: Double?
    /// The chart over several scenarios that this one is a point of, and its place on the axis.
    var series: Series?

    enum Address: Sendable { case tcp, unix }

    /// The connections that are opened before the clock starts.
    var connectionCount: Int {
        guard !load.contains("churn") else { return 0 }
        return zip(load, load.dropFirst()).reduce(0) { sum, pair in
            ["--connections", "--idle"].contains(pair.0) ? sum + (Int(pair.1) ?? 0) : sum
        }
    }

    struct Series: Sendable {
        let chart: String
        let position: Int
    }
}

extension Scenario {
    static let all: [Scenario] =
        roundTrips + [
            Scenario(
                name: "pipelined",
                title: "64-byte messages, 16 under way on each of 64 connections",
                operation: "message",
                load: ["--connections", "64", "--pipeline", "16"],
                servers: Server.streams
            ),
            Scenario(
                name: "messages-16k",
                title: "16 KiB round trips, 64 connections",
                load: ["--connections", "64", "--message", "16384"],
                servers: Server.streams
            ),
            Scenario(
                name: "bulk",
                title: "Bulk stream both ways, 4 connections",
                operation: "16 KiB echoed",
                load: ["--mode", "bulk", "--connections", "4", "--message", "16384"],
                servers: Server.streams
            ),
            Scenario(
                name: "churn",
                title: "Churn: connect, one round trip, close; 32 at a time",
                operation: "connection",
                load: ["--mode", "churn", "--connections", "32"],
                servers: Server.streams
            ),
            Scenario(
                name: "idle",
                title: "64-byte round trips, 64 active beside 10,000 idle connections",
                load: ["--connections", "64", "--idle", "10000"],
                servers: Server.streams
            ),
            Scenario(
                name: "latency",
                title: "64-byte round trips at 20,000 a second, 64 connections",
                load: ["--connections", "64", "--rate", "20000"],
                servers: Server.streams
            ),
            Scenario(
                name: "unix",
                title: "64-byte round trips over a Unix socket, 64 connections",
                load: ["--connections", "64"],
                servers: Server.streams,
                address: .unix
            ),
            Scenario(
                name: "unix-1000",
                title: "64-byte round trips over a Unix socket, 1000 connections",
                load: ["--connections", "1000"],
                servers: Server.streams,
                address: .unix
            ),
        ] + [crowd] + twoThreads + [twoThreadChurn, steadyChurn] + datagrams + pollers

    private static let roundTrips = [1, 8, 64, 256, 1000, 4000].map { connections in
        Scenario(
            name: "roundtrip-\(connections)",
            title: "64-byte round trips, \(connections) connection\(connections == 1 ? "" : "s")",
            load: ["--connections", "\(connections)"],
            servers: Server.streams + (connections == 64 ? [.level, .poll, .select] : []),
            series: Series(chart: "connections", position: connections)
        )
    }

    /// Everybody is connected at once, and says something now and then.
    private static let crowd = Scenario(
        name: "crowd",
        title: "10,000 connections, a round trip of each every second for 30 seconds",
        load: ["--connections", "10000", "--rate", "10000"],
        servers: [.edge, .serve, .loops],
        rounds: 1,
        seconds: 30
    )

    private static let twoThreads = [64, 1000].map { connections in
        Scenario(
            name: "threads-\(connections)",
            title: "Two threads, 64-byte round trips, \(connections) connections",
            load: ["--connections", "\(connections)"],
            servers: Server.threaded,
            threads: 2
        )
    }

    private static let twoThreadChurn = Scenario(
        name: "threads-churn",
        title: "Two threads, churn: connect, one round trip, close; 32 at a time",
        operation: "connection",
        load: ["--mode", "churn", "--connections", "32"],
        servers: Server.threaded,
        threads: 2
    )

    /// What a listening socket for each loop is for.
    private static let steadyChurn = Scenario(
        name: "threads-churn-20k",
        title: "Two threads, 20,000 connections a second for 20 seconds",
        operation: "connection",
        load: ["--mode", "churn", "--connections", "1000", "--rate", "20000"],
        servers: [.edge, .sharded, .serve],
        threads: 2,
        rounds: 1,
        seconds: 20
    )

    private static let datagrams = [
        Scenario(
            name: "udp",
            title: "64-byte datagrams, 8 sockets with 8 under way each",
            operation: "datagram",
            load: ["--mode", "datagrams", "--connections", "8", "--pipeline", "8"],
            servers: [
                .naive, .batched, .ourDatagrams, .ourDatagramsInto, .ourBatches,
            ] + Server.datagramPeers
        ),
        Scenario(
            name: "udp-bulk",
            title: "1,200-byte datagrams, 256 under way",
            operation: "datagram",
            load: largeDatagrams,
            servers: [.naive, .batched, .ourDatagrams, .ourDatagramsInto, .ourBatches]
                + Server.datagramPeers
        ),
        Scenario(
            name: "udp-segments",
            title: "1,200-byte datagrams sent and read in segments (GSO, GRO), 256 under way",
            operation: "datagram",
            load: largeDatagrams + ["--segmented"],
            servers: [.segmented, .ourSegments, .batched, .ourBatches, .naive, .ourDatagrams]
        ),
    ]

    private static let largeDatagrams = [
        "--mode", "datagrams", "--connections", "1", "--pipeline", "256", "--message", "1200",
    ]

    /// Ten clients at work among many that are not: what each way to wait makes of the crowd.
    private static let pollers = [10, 100, 1000, 10000].map { connections in
        let withSelect = connections <= 1000
        return Scenario(
            name: "pollers-\(connections)",
            title: "10 active of \(connections) connections, each way to wait",
            load: ["--connections", "10", "--idle", "\(connections - 10)"],
            servers: [.edge, .level, .poll] + (withSelect ? [.select] : [])
                + [
                    .serve, .ours(on: "epoll-level", like: .level),
                    .ours(on: "poll", like: .poll),
                ] + (withSelect ? [.ours(on: "select", like: .select)] : []),
            series: Series(chart: "pollers", position: connections)
        )
    }
}
