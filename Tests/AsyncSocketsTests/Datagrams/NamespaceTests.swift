import AsyncSockets
import Glibc
import Synchronization
import TestKit
import Testing

/// How many pairs of hosts this process has named: tests in parallel must not share one.
private let hostsNamed = Atomic<Int>(0)

/// Two network namespaces joined by a veth pair: two hosts with a cable between them.
private final class TwoHosts: Sendable {
    private let name: String
    var left: String { "\(name)l" }
    var right: String { "\(name)r" }

    /// Nil where that is not allowed; the reason is printed.
    init?() {
        let number = hostsNamed.wrappingAdd(1, ordering: .relaxed).newValue
        name = "as\(getpid())-\(number)"
        let (l, r) = ("\(name)l", "\(name)r")
        let script = """
            set -e
            ip netns add \(l); ip netns add \(r)
            ip -n \(l) link add v0 type veth peer name v0 netns \(r)
            ip -n \(l) addr add 198.18.7.1/24 broadcast 198.18.7.255 dev v0
            ip -n \(r) addr add 198.18.7.2/24 broadcast 198.18.7.255 dev v0
            ip -n \(l) link set lo up; ip -n \(r) link set lo up
            ip -n \(l) link set v0 up; ip -n \(r) link set v0 up
            ip -n \(l) -6 addr add fd00:7::1/64 dev v0 nodad
            ip -n \(r) -6 addr add fd00:7::2/64 dev v0 nodad
            """
        let (status, output) = shell("sh -c '\(script)'")
        guard status == 0 else {
            print("skipped: network namespaces cannot be made here: \(output)")
            remove()
            return nil
        }
    }

    deinit { remove() }

    private func remove() {
        _ = shell("ip netns del \(left); ip netns del \(right)")
    }

    /// Runs a body on a thread that is in a namespace: sockets made there stay there.
    ///
    /// The thread comes back before anyone hears of it. A thread inherits its maker's namespace, so
    /// a worker that the runtime or the library starts from there would stay there for ever, and
    /// with it the sockets of other tests.
    func inside<Value: Sendable>(
        _ host: String,
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        // The loops' threads are started here, not by the body.
        try UDPSocket.bind(to: "127.0.0.1:0").close()
        let result: Result<Value, any Error> = await onThread {
            Result {
                let home = try Namespace(at: "/proc/thread-self/ns/net")
                let away = try Namespace(at: "/run/netns/\(host)")
                try away.enter()
                defer { try! home.enter() }
                return try body()
            }
        }
        return try result.get()
    }
}

/// A network namespace that threads can enter.
private struct Namespace: ~Copyable {
    private let path: String
    private let file: CInt

    init(at path: String) throws {
        self.path = path
        file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure(description: "no \(path): errno \(errno)") }
    }

    deinit { close(file) }

    /// Moves the calling thread.
    func enter() throws {
        typealias SetNamespace = @convention(c) (CInt, CInt) -> CInt
        let symbol = unsafe dlsym(nil, "setns")
        let enter = unsafe unsafeBitCast(symbol, to: SetNamespace.self)
        // CLONE_NEWNET
        guard enter(file, 0x4000_0000) == 0 else {
            throw Failure(description: "no way into \(path): errno \(errno)")
        }
    }
}

@Suite("Between two hosts", .fewAtOnce, .timeLimit(.minutes(1)))
struct NamespaceTests {
    @Test("broadcast crosses the cable", arguments: ["198.18.7.255", "255.255.255.255"])
    func broadcast(address: String) async throws {
        guard let hosts = TwoHosts() else { return }
        let receiver = try await hosts.inside(hosts.right) {
            try UDPSocket.bind(to: "0.0.0.0:0", options: UDPOptions(metadata: .destination))
        }
        let sender = try await hosts.inside(hosts.left) {
            try UDPSocket.bind(to: "198.18.7.1:0", options: UDPOptions(broadcast: true))
        }
        let interface = try await hosts.inside(hosts.left) { try NetworkInterface.named("v0") }
        try await sender.send(
            Array("hello".utf8),
            to: SocketAddress("\(address):\(receiver.port)"),
            options: SendOptions(interfaceIndex: interface.index)
        )
        let datagram = try await receiver.receive()
        #expect(datagram.bytes == Array("hello".utf8))
        #expect(datagram.source == sender.here)
        #expect(datagram.metadata.destination == (try IPAddress(address)))
    }

    @Test("multicast crosses the cable, with its hop limit")
    func multicast() async throws {
        guard let hosts = TwoHosts() else { return }
        let receiver = try await hosts.inside(hosts.right) {
            let socket = try UDPSocket.bind(
                to: "0.0.0.0:0",
                options: UDPOptions(metadata: .hopLimit)
            )
            try socket.join("239.0.0.10", on: .named("v0"))
            return socket
        }
        let sender = try await hosts.inside(hosts.left) {
            let socket = try UDPSocket.bind(to: "198.18.7.1:0")
            try socket.set(.multicastInterface, to: NetworkInterface.named("v0").index)
            try socket.set(.multicastTimeToLive, to: 7)
            return socket
        }
        try await sender.send("group", to: "239.0.0.10:\(receiver.port)")
        let datagram = try await receiver.receive()
        #expect(datagram.bytes == Array("group".utf8))
        #expect(datagram.metadata.hopLimit == 7)
    }

    @Test("an IPv6 group crosses the cable, of one source too, and not after it was left")
    func ipv6Multicast() async throws {
        guard let hosts = TwoHosts() else { return }
        let member = try await hosts.inside(hosts.right) {
            let socket = try UDPSocket.bind(to: "[::]:0")
            try socket.join("ff05::1:5", on: .named("v0"))
            try socket.join("ff35::1:6", from: "fd00:7::1", on: .named("v0"))
            return socket
        }
        let sender = try await hosts.inside(hosts.left) {
            let socket = try UDPSocket.bind(to: "[fd00:7::1]:0")
            try socket.set(.multicastInterfaceIPv6, to: NetworkInterface.named("v0").index)
            return socket
        }
        try await sender.send("lost", to: "[ff05::1:7]:\(member.port)")
        try await sender.send("group", to: "[ff05::1:5]:\(member.port)")
        #expect(try await member.receive().bytes == Array("group".utf8))
        try await sender.send("source", to: "[ff35::1:6]:\(member.port)")
        #expect(try await member.receive().bytes == Array("source".utf8))
        try await hosts.inside(hosts.right) { try member.leave("ff05::1:5", on: .named("v0")) }
        try await sender.send("lost", to: "[ff05::1:5]:\(member.port)")
        try await sender.send("source", to: "[ff35::1:6]:\(member.port)")
        #expect(try await member.receive().bytes == Array("source".utf8))
    }

    @Test("IPv6 groups work on a loopback interface that has a route to them")
    func ipv6OnLoopback() async throws {
        guard let hosts = TwoHosts() else { return }
        _ = shell("ip -n \(hosts.left) -6 route add local ff00::/8 dev lo table local")
        let (member, sender) = try await hosts.inside(hosts.left) {
            let member = try UDPSocket.bind(to: "[::]:0")
            try member.join("ff02::1:5", on: .loopback)
            let sender = try UDPSocket.bind(to: "[::1]:0")
            try sender.set(.multicastInterfaceIPv6, to: NetworkInterface.loopback.index)
            return (member, sender)
        }
        try await sender.send("lost", to: "[ff02::1:6]:\(member.port)")
        try await sender.send("six", to: "[ff02::1:5]:\(member.port)")
        #expect(try await member.receive().bytes == Array("six".utf8))
    }
}

/// What a test could not do.
private struct Failure: Error, CustomStringConvertible {
    let description: String
}
