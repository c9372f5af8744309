import AsyncSockets
import TestKit
import Testing

@Suite("Between two hosts", .descriptorsBalanced, .fewAtOnce, .endsHangs)
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

    @Test("without loopback a group is heard by other machines only")
    func withoutLoopback() async throws {
        guard let hosts = TwoHosts() else { return }
        @Sendable func member(port: UInt16 = 0) throws -> UDPSocket {
            let socket = try UDPSocket.bind(to: "0.0.0.0:\(port)")
            try socket.join("239.0.0.10", on: .named("v0"))
            return socket
        }
        let far = try await hosts.inside(hosts.right) { try member() }
        let port = far.port
        let (near, sender) = try await hosts.inside(hosts.left) {
            let sender = try UDPSocket.bind(to: "198.18.7.1:0")
            try sender.set(.multicastInterface, to: NetworkInterface.named("v0").index)
            return (try member(port: port), sender)
        }
        for hears in [true, false] {
            try sender.set(.multicastLoopback, to: hears)
            try await sender.send("group", to: "239.0.0.10:\(port)")
            #expect(try await far.receive().bytes == Array("group".utf8))
            // What comes within the machine comes at once: nothing else is before this.
            try await sender.send("marker", to: "198.18.7.1:\(port)")
            if hears { #expect(try await near.receive().bytes == Array("group".utf8)) }
            #expect(try await near.receive().bytes == Array("marker".utf8))
        }
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

    @Test("a group of a link is told with its zone", arguments: ["ff02::1:5", "ff12::1:5"])
    func groupOfLink(group: String) async throws {
        guard let hosts = TwoHosts() else { return }
        let (member, zoned) = try await hosts.inside(hosts.right) {
            let socket = try UDPSocket.bind(
                to: "[::]:0",
                options: UDPOptions(metadata: .destination)
            )
            try socket.join(group, on: .named("v0"))
            return (socket, try IPAddress("\(group)%v0"))
        }
        let sender = try await hosts.inside(hosts.left) {
            let socket = try UDPSocket.bind(to: "[fd00:7::1]:0")
            try socket.set(.multicastInterfaceIPv6, to: NetworkInterface.named("v0").index)
            return socket
        }
        try await sender.send("group", to: "[\(group)]:\(member.port)")
        #expect(try await member.receive().metadata.destination == zoned)
    }

    @Test("a datagram that is too long for the path is reported with the path's MTU")
    func tooLong() async throws {
        guard let hosts = TwoHosts() else { return }
        let options = UDPOptions(
            queuesErrors: true,
            socketOptions: [.set(.pathMTUDiscovery, .always)]
        )
        let sixOptions = UDPOptions(
            queuesErrors: true,
            socketOptions: [.set(.pathMTUDiscoveryIPv6, .always)]
        )
        let there = try SocketAddress("198.18.7.2:9")
        let six = try SocketAddress("[fd00:7::2]:9")
        let (connected, free, freeSix) = try await hosts.inside(hosts.left) {
            (
                try UDPSocket.connect(to: there, options: options),
                try UDPSocket.bind(to: "0.0.0.0:0", options: options),
                try UDPSocket.bind(to: "[::]:0", options: sixOptions)
            )
        }
        let long = [UInt8](repeating: 0, count: 2000)
        for (socket, address, destination) in [
            (connected, there, there),
            // Then the kernel does not tell the port.
            (free, there, try SocketAddress("198.18.7.2:0")),
            (freeSix, six, six),
        ] {
            #expect(await failure { try await socket.send(long, to: address) } == .messageTooLong)
            var errors = socket.errors.makeAsyncIterator()
            let error = try #require(try await errors.next())
            #expect(error.code == .messageTooLong && error.pathMTU == 1500)
            #expect(error.destination == destination)
            #expect(error.reporter == nil && error.icmp == nil)
            // The socket lives on.
            try await socket.send([UInt8](repeating: 0, count: 1400), to: address)
        }
    }

    @Test("an address of a link is sent from by the interface of its zone")
    func sourceOfLink() async throws {
        guard let hosts = TwoHosts() else { return }
        let (receiver, there) = try await hosts.inside(hosts.right) {
            (try UDPSocket.bind(to: "[fd00:7::2]:0"), try IPAddress("fe80::1%v0"))
        }
        let (sender, source) = try await hosts.inside(hosts.left) {
            (try UDPSocket.bind(to: "[::]:0"), try IPAddress("fe80::1%v0"))
        }
        try await sender.send("x", to: receiver.here, options: SendOptions(source: source))
        #expect(try await receiver.receive().source == SocketAddress(there, port: sender.port))
    }

    @Test("an interface that does not exist is no way to send by", arguments: [4, 6])
    func noInterface(version: Int) async throws {
        let socket = try UDPSocket.bind(to: version == 4 ? "127.0.0.1:0" : "[::1]:0")
        let options = SendOptions(interfaceIndex: 0x7fff_0000)
        #expect(
            await failure { try await socket.send([1], to: socket.here, options: options) }
                == .noSuchInterface
        )
    }

    @Test("an interface has its broadcast addresses, if there are some")
    func broadcastAddresses() async throws {
        guard let hosts = TwoHosts() else { return }
        _ = shell("ip -n \(hosts.left) addr add 198.18.8.1/24 dev v0")
        let interface = try await hosts.inside(hosts.left) { try NetworkInterface.named("v0") }
        func broadcast(of address: String) throws -> IPv4Address? {
            let ip = try IPAddress(address)
            return try #require(interface.addresses.first { $0.ip == ip }).broadcast
        }
        #expect(try broadcast(of: "198.18.7.1") == IPv4Address(198, 18, 7, 255))
        #expect(try broadcast(of: "198.18.8.1") == nil)
        #expect(try broadcast(of: "fd00:7::1") == nil)
    }

    @Test("an interface that does not say that it carries multicast may carry it")
    func noMulticastFlag() async throws {
        guard let hosts = TwoHosts() else { return }
        _ = shell("ip -n \(hosts.right) link set v0 multicast off")
        let (interface, member) = try await hosts.inside(hosts.right) {
            (try NetworkInterface.named("v0"), try UDPSocket.bind(to: "0.0.0.0:0"))
        }
        #expect(!interface.flags.contains(.multicast))
        try await hosts.inside(hosts.right) {
            try member.join("239.0.0.10", on: interface)
            try member.join("239.0.0.11", from: "198.18.7.1", on: interface)
        }
        let sender = try await hosts.inside(hosts.left) {
            let socket = try UDPSocket.bind(to: "198.18.7.1:0")
            try socket.set(.multicastInterface, to: NetworkInterface.named("v0").index)
            return socket
        }
        for group in ["239.0.0.10", "239.0.0.11"] {
            try await sender.send("group", to: "\(group):\(member.port)")
            #expect(try await member.receive().bytes == Array("group".utf8))
        }
    }

    @Test("a group without a route asks for an interface by name")
    func noRoute() async throws {
        guard let hosts = TwoHosts() else { return }
        let refusal = try await hosts.inside(hosts.left) { () -> SocketError? in
            let socket = try UDPSocket.bind(to: "0.0.0.0:0")
            do throws(SocketError) {
                try socket.join("239.0.0.10")
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal?.code == .noSuchInterface)
        #expect(refusal?.reason?.contains("no route to 239.0.0.10") == true)
        #expect(refusal?.reason?.contains("name one (on:)") == true)
    }

    @Test(
        "a group is joined anew on an interface that has the index of one that was removed",
        arguments: ["239.1.2.3", "ff15::1:3"],
        [false, true]
    )
    func interfaceReplaced(group: String, ofSource: Bool) async throws {
        guard let hosts = TwoHosts() else { return }
        let left = hosts.left
        let source: String? = !ofSource ? nil : group.contains(":") ? "fd00:7::2" : "198.18.7.2"
        let member = try await hosts.inside(left) {
            try UDPSocket.bind(to: group.contains(":") ? "[::]:0" : "0.0.0.0:0")
        }
        for round in 0..<3 {
            let (status, output) = shell(
                """
                ip -n \(left) link add c0 index 77 type veth peer name c1 &&
                ip -n \(left) link set c0 up && ip -n \(left) link set c1 up
                """
            )
            #expect(status == 0, "\(output)")
            try await hosts.inside(left) {
                let interface = try NetworkInterface.named("c0")
                try member.join(group, from: source, on: interface)
                let again = MulticastTests.text(.addressInUse) { () throws(SocketError) in
                    try member.join(group, from: source, on: interface)
                }
                #expect(again.contains("already a member"), "round \(round)")
            }
            #expect(shell("ip -n \(left) maddr show dev c0").output.contains(group))
            _ = shell("ip -n \(left) link del c0")
        }
    }

    @Test("a membership on an interface that is gone can be left, and counts until then")
    func interfaceGone() async throws {
        guard let hosts = TwoHosts() else { return }
        let left = hosts.left
        let member = try await hosts.inside(left) { try UDPSocket.bind(to: "0.0.0.0:0") }
        let gone = try await hosts.inside(left) {
            _ = shell("ip -n \(left) link add c0 type veth peer name c1")
            let interface = try NetworkInterface.named("c0")
            try member.join("239.1.2.3", on: interface)
            return interface
        }
        _ = shell("ip -n \(left) link del c0")
        try await hosts.inside(left) {
            let joining = MulticastTests.text(.noSuchInterface) { () throws(SocketError) in
                try member.join("239.1.2.4", on: gone)
            }
            #expect(joining.contains("the interface c0 is gone"))
            try member.leave("239.1.2.3", on: gone)
        }
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
