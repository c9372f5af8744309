import AsyncSockets
import Synchronization

/// A small program that uses one part of the library, and knows what is right.
struct Scenario: Sendable {
    let name: String
    /// Gets a directory of its own for files, and the place for errors that only a server sees.
    let run: @Sendable (String, Troubles) async throws -> Void

    /// Whether it starts this program again.
    var startsPrograms: Bool { ["workers", "restart"].contains(name) }

    init(_ name: String, _ run: @escaping @Sendable (String, Troubles) async throws -> Void) {
        self.name = name
        self.run = run
    }

    static let all: [Scenario] = [
        Scenario("tcp") { _, troubles in try await echoTCP(troubles) },
        Scenario("tcp-level") { _, troubles in try await echoTCP(troubles, backend: .epollLevel) },
        Scenario("tcp-poll") { _, troubles in try await echoTCP(troubles, backend: .poll) },
        Scenario("tcp-select") { _, troubles in try await echoTCP(troubles, backend: .select) },
        Scenario("tcp-shards") { _, troubles in
            try await echoTCP(troubles, shards: .perLoopByProcessor)
        },
        Scenario("tcp-reset") { _, _ in try await resetTCP() },
        Scenario("unix") { directory, troubles in try await echoUnix(directory, troubles) },
        Scenario("packets") { directory, troubles in try await echoPackets(directory, troubles) },
        Scenario("passing") { _, _ in try await passDescriptor() },
        Scenario("udp") { _, _ in try await echoUDP() },
        Scenario("udp-batch") { _, _ in try await batchUDP() },
        Scenario("udp-metadata") { _, _ in try await metadataUDP() },
        Scenario("multicast") { _, _ in try await multicast() },
        Scenario("unix-datagrams") { directory, _ in try await unixDatagrams(directory) },
        Scenario("names") { _, troubles in try await names(troubles) },
        Scenario("interfaces") { _, _ in try await interfaces() },
        Scenario("timeouts") { _, _ in try await timeouts() },
        Scenario("watching") { _, _ in try await watching() },
        Scenario("signals") { _, _ in try await signals() },
        Scenario("workers") { _, troubles in try await workers(troubles) },
        Scenario("restart") { _, _ in try await restart() },
    ]
}

/// The library did something else than it promises.
struct Wrong: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

func require(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw Wrong(what()) }
}

/// Errors that did not come out of a call, such as those of a server's clients.
final class Troubles: Sendable {
    private let list = Mutex<[String]>([])

    var sentences: [String] { list.withLock { $0 } }

    func add(_ error: any Error) {
        if !(error is CancellationError) { list.withLock { $0.append("\(error)") } }
    }
}

/// Runs a server and its client: until the client is done, or one of them fails.
func withServer(
    _ server: @escaping @Sendable () async throws -> Void,
    _ troubles: Troubles,
    client: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { tasks in
        tasks.addTask {
            try await server()
            return false
        }
        tasks.addTask {
            try await client()
            return true
        }
        var isDone = false
        while let result = await tasks.nextResult() {
            switch result {
            case .success(let isClient): isDone = isDone || isClient
            case .failure(let error): troubles.add(error)
            }
            tasks.cancelAll()
        }
        guard troubles.sentences.isEmpty else { return }
        try require(isDone, "the server ended before its client")
    }
}

// MARK: - Streams

private let question = Array("ping\n".utf8)

/// Asks twice, and finishes.
func ask(_ connection: StreamConnection) async throws {
    for _ in 0..<2 {
        try await connection.write(question)
        let answer = try await connection.read(exactly: question.count)
        try require(answer == question, "another answer than the question")
    }
    try connection.shutdown(.write)
    try require(try await connection.read(atMost: 1) == nil, "more than the answers")
}

/// Options of a server that tells what its clients' handlers throw.
private func telling(_ troubles: Troubles) -> ServeOptions {
    ServeOptions(drain: .seconds(1), reportsResets: true) { troubles.add($1) }
}

func echo(_ connection: StreamConnection) async throws {
    for try await chunk in connection { try await connection.write(chunk) }
}

func echoTCP(
    _ troubles: Troubles,
    backend: EventLoopGroup.Backend? = nil,
    shards: ListenShards = .none
) async throws {
    let group = try backend.map { try EventLoopGroup(loops: 1, backend: $0) } ?? .shared
    let options = ListenOptions(shards: shards)
    let listener = try TCPListener.bind(to: "127.0.0.1:0", options: options, on: group)
    try await withServer(
        { try await listener.serve(options: telling(troubles)) { try await echo($0) } },
        troubles
    ) {
        let connection = try await TCPConnection.connect(to: listener.localAddress, on: group)
        try connection.set(.noDelay, to: true)
        try await ask(connection)
    }
}

func resetTCP() async throws {
    let listener = try TCPListener.bind(to: "127.0.0.1:0")
    async let accepted = listener.accept()
    let client = try await TCPConnection.connect(to: listener.localAddress)
    let server = try await accepted
    client.reset()
    do {
        _ = try await server.read(atMost: 1)
    } catch let error as SocketError where error.code == .connectionReset {
        return
    }
    throw Wrong("a reset that looks like an end")
}

func echoUnix(_ directory: String, _ troubles: Troubles) async throws {
    let listener = try UnixListener.bind(to: "unix:\(directory)/stream")
    try await withServer(
        { try await listener.serve(options: telling(troubles)) { try await echo($0) } },
        troubles
    ) {
        let connection = try await UnixConnection.connect(to: listener.localAddress)
        _ = try connection.peerCredentials
        try await ask(connection)
    }
}

func echoPackets(_ directory: String, _ troubles: Troubles) async throws {
    let listener = try UnixPacketListener.bind(to: "unix:\(directory)/packets")
    try await withServer(
        {
            try await listener.serve(clientFailed: { troubles.add($1) }) { connection in
                for try await packet in connection { try await connection.send(packet.bytes) }
            }
        },
        troubles
    ) {
        let connection = try await UnixPacketConnection.connect(to: listener.localAddress)
        for packet in [question, [], question] {
            try await connection.send(packet)
            let answer = try await connection.receive()?.bytes
            try require(answer == packet, "another packet than was sent")
        }
    }
}

func passDescriptor() async throws {
    let (ours, theirs) = try UnixConnection.pair(receivesDescriptors: true)
    let (near, far) = try UnixConnection.pair()
    try await ours.write(question, passing: [far.duplicateDescriptor()])
    far.close()
    let message = try await theirs.readWithDescriptors()
    try require(message?.bytes == question, "other bytes than were written")
    guard let passed = message?.descriptors.first else { throw Wrong("no descriptor came") }
    let taken = try passed.handOver { (number) throws(SocketError) in
        try UnixConnection(adopting: number)
    }
    try await taken.write(question)
    try require(try await near.read(exactly: question.count) == question, "another connection")
}

// MARK: - Datagrams

private func address(of known: SocketAddress?) throws -> SocketAddress {
    guard let known else { throw Wrong("a socket without an address") }
    return known
}

func echoUDP() async throws {
    let server = try UDPSocket.bind(to: "127.0.0.1:0")
    let client = try UDPSocket.connect(to: address(of: server.localAddress))
    for _ in 0..<2 {
        try await client.send(question)
        let request = try await server.receive()
        try await server.send(request.bytes, to: request.source)
        try require(try await client.receive().bytes == question, "another datagram than was sent")
    }
}

func batchUDP() async throws {
    let server = try UDPSocket.bind(to: "127.0.0.1:0")
    let client = try UDPSocket.bind(to: "127.0.0.1:0")
    let batch = DatagramBatch(capacity: 8, datagramSize: 64)
    for _ in 0..<4 { _ = try batch.append(question, to: server.localAddress) }
    try await client.send(batch)
    var received = 0
    while received < 4 {
        let count = try await server.receive(into: batch)
        for index in batch.indices {
            try require(
                batch.withBytes(at: index) { $0.count } == question.count,
                "another datagram"
            )
        }
        received += count
    }
    try await client.send(question + question, segmentSize: question.count, to: server.localAddress)
    for _ in 0..<2 {
        try require(try await server.receive().bytes == question, "another segment than was sent")
    }
}

func metadataUDP() async throws {
    let server = try UDPSocket.bind(to: "127.0.0.1:0", options: UDPOptions(metadata: .all))
    let client = try UDPSocket.connect(to: address(of: server.localAddress))
    try await client.send(question)
    let datagram = try await server.receive()
    try require(datagram.bytes == question, "another datagram than was sent")
}

func multicast() async throws {
    let options = try UDPOptions(multicastInterface: .loopback)
    let socket = try UDPSocket.bind(to: "0.0.0.0:0", options: options)
    try socket.join("239.0.0.10", on: .loopback)
    try await socket.send(question, to: "239.0.0.10:\(address(of: socket.localAddress).port ?? 0)")
    try require(try await socket.receive().bytes == question, "another datagram than was sent")
}

func unixDatagrams(_ directory: String) async throws {
    let server = try UnixDatagramSocket.bind(to: "unix:\(directory)/datagrams")
    let options = ConnectOptions(localAddress: .unixUnnamed)
    let client = try await UnixDatagramSocket.connect(
        to: address(of: server.localAddress),
        options: options
    )
    try await client.send(question)
    let request = try await server.receive()
    try await server.send(request.bytes, to: request.source)
    try require(try await client.receive().bytes == question, "another datagram than was sent")
}

// MARK: - Names and interfaces

func names(_ troubles: Troubles) async throws {
    let found = try await Resolver.system.addresses(of: "localhost", .v4)
    try require(!found.isEmpty, "localhost has no address")
    let listener = try TCPListener.bind(to: "127.0.0.1:0")
    let port = listener.localAddress.port ?? 0
    try await withServer(
        { try await listener.serve(options: telling(troubles)) { try await echo($0) } },
        troubles
    ) {
        try await ask(TCPConnection.connect(to: "localhost:\(port)"))
    }
}

func interfaces() async throws {
    let all = try NetworkInterface.all()
    try require(all.contains { $0.flags.contains(.loopback) }, "no loopback interface")
}
