import AsyncSockets
import TestKit
import Testing

@Suite("Multicast", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct MulticastTests {
    /// A member's socket, and a sender that goes out by the loopback interface.
    static func sender() throws -> UDPSocket {
        let socket = try UDPSocket.onLoopback()
        try socket.set(.multicastInterface, to: NetworkInterface.loopback.index)
        return socket
    }

    static func member(port: UInt16 = 0) throws -> UDPSocket {
        try UDPSocket.bind(to: "0.0.0.0:\(port)", options: UDPOptions(reuseAddress: true))
    }

    @Test("reaches members of either kind")
    func reachesMembers() async throws {
        let member = try Self.member()
        try member.join("239.0.0.10", on: .loopback)
        let plain = DatagramPeer(port: member.port, address: 0, shared: true)
        plain.useLoopback(group: 0xef00_000a)
        try await Self.sender().send("all", to: "239.0.0.10:\(member.port)")
        #expect(try await member.receive().bytes == Array("all".utf8))
        #expect(await onThread { plain.receive()?.bytes } == Array("all".utf8))
    }

    @Test("is received from a plain sender")
    func fromPlainSender() async throws {
        let member = try Self.member()
        try member.join("239.0.0.10", on: .loopback)
        let peer = DatagramPeer()
        peer.useLoopback()
        #expect(peer.send([1], to: member.port, at: 0xef00_000a))
        #expect(try await member.receive().source.port == peer.port)
    }

    @Test("two groups on one port do not hear each other")
    func noCrossTalk() async throws {
        let first = try Self.member()
        let second = try Self.member(port: first.port)
        try first.join("239.0.0.21", on: .loopback)
        try second.join("239.0.0.22", on: .loopback)
        let sender = try Self.sender()
        try await sender.send("one", to: "239.0.0.21:\(first.port)")
        try await sender.send("two", to: "239.0.0.22:\(first.port)")
        #expect(try await second.receive().bytes == Array("two".utf8))
        #expect(try await first.receive().bytes == Array("one".utf8))
        // Nothing else is there: the next ones are the next sent.
        try await sender.send("three", to: "239.0.0.21:\(first.port)")
        #expect(try await first.receive().bytes == Array("three".utf8))
        try await sender.send("four", to: "239.0.0.22:\(first.port)")
        #expect(try await second.receive().bytes == Array("four".utf8))
    }

    @Test("leaving stops delivery")
    func leaving() async throws {
        let member = try Self.member()
        try member.join("239.0.0.31", on: .loopback)
        try member.join("239.0.0.32", on: .loopback)
        let sender = try Self.sender()
        try await sender.send("before", to: "239.0.0.31:\(member.port)")
        #expect(try await member.receive().bytes == Array("before".utf8))
        try member.leave("239.0.0.31", on: .loopback)
        try await sender.send("after", to: "239.0.0.31:\(member.port)")
        try await sender.send("other", to: "239.0.0.32:\(member.port)")
        #expect(try await member.receive().bytes == Array("other".utf8))
    }

    @Test("of one source only that source is heard")
    func sourceSpecific() async throws {
        let member = try Self.member()
        try member.join("232.0.0.41", from: "127.0.0.2", on: .loopback)
        let wanted = try UDPSocket.bind(to: "127.0.0.2:0")
        let unwanted = try UDPSocket.bind(to: "127.0.0.3:0")
        for socket in [unwanted, wanted] {
            try socket.set(.multicastInterface, to: NetworkInterface.loopback.index)
            try await socket.send("x", to: "232.0.0.41:\(member.port)")
        }
        #expect(try await member.receive().source == wanted.here)
        try member.join("232.0.0.41", from: "127.0.0.3", on: .loopback)
        try await unwanted.send("y", to: "232.0.0.41:\(member.port)")
        #expect(try await member.receive().source == unwanted.here)
        try member.leave("232.0.0.41", from: "127.0.0.2", on: .loopback)
        try await wanted.send("z", to: "232.0.0.41:\(member.port)")
        try await unwanted.send("y", to: "232.0.0.41:\(member.port)")
        #expect(try await member.receive().source == unwanted.here)
    }

    @Test("a blocked source is not heard until it is unblocked")
    func blocksSource() async throws {
        let member = try Self.member()
        try member.join("239.0.0.51", on: .loopback)
        let first = try UDPSocket.bind(to: "127.0.0.2:0")
        let second = try UDPSocket.bind(to: "127.0.0.3:0")
        for socket in [first, second] {
            try socket.set(.multicastInterface, to: NetworkInterface.loopback.index)
        }
        try member.block("127.0.0.2", in: "239.0.0.51", on: .loopback)
        try await first.send("x", to: "239.0.0.51:\(member.port)")
        try await second.send("y", to: "239.0.0.51:\(member.port)")
        #expect(try await member.receive().source == second.here)
        try member.unblock("127.0.0.2", in: "239.0.0.51", on: .loopback)
        try await first.send("x", to: "239.0.0.51:\(member.port)")
        #expect(try await member.receive().source == first.here)
    }

    @Test("an IPv6 group is joined and left, by interface")
    func ipv6Membership() async throws {
        let member = try UDPSocket.bind(to: "[::]:0", options: UDPOptions(reuseAddress: true))
        try member.join("ff02::1:5", on: .loopback)
        let again: () async throws -> Void = { try member.join("ff02::1:5", on: .loopback) }
        #expect(await failure(again) == .addressInUse)
        try member.leave("ff02::1:5", on: .loopback)
        let leaving: () async throws -> Void = { try member.leave("ff02::1:5", on: .loopback) }
        #expect(await failure(leaving) == .addressNotAvailable)
    }

    @Test("loopback and hops are options")
    func options() throws {
        let sender = try Self.sender()
        #expect(try sender.get(.multicastLoopback))
        try sender.set(.multicastLoopback, to: false)
        #expect(try !sender.get(.multicastLoopback))
        try sender.set(.multicastTimeToLive, to: 3)
        #expect(try sender.get(.multicastTimeToLive) == 3)
        #expect(try !sender.get(.multicastAll))
    }

    @Test("too many groups name the limit")
    func tooMany() throws {
        let member = try Self.member()
        for number in 0..<2000 as Range<UInt32> {
            do throws(SocketError) {
                let group = IPAddress.v4(IPv4Address(rawValue: 0xef01_0000 + number))
                try member.join(group, on: .loopback)
            } catch {
                #expect(error.code == .noBufferSpace)
                #expect("\(error)".contains("on lo"))
                #expect("\(error)".contains("net.ipv4.igmp_max_memberships"))
                return
            }
        }
    }

    @Test("what is wrong is said")
    func errorsSayWhat() async throws {
        let member = try Self.member()
        #expect(await failure { try member.join("127.0.0.1", on: .loopback) } == .invalidArgument)
        #expect(await failure { try member.join("ff02::1", on: .loopback) } == .wrongAddressFamily)
        #expect(await failure { try member.join("x") } == .invalidAddress)
        try member.join("239.0.0.61", on: .loopback)
        do {
            try member.join("239.0.0.61", on: .loopback)
            Issue.record("joined twice")
        } catch {
            #expect(error.code == .addressInUse)
            #expect("\(error)".contains("already a member"))
        }
        let other: () async throws -> Void = { try member.leave("239.0.0.62", on: .loopback) }
        #expect(await failure(other) == .addressNotAvailable)
    }

    /// The text of the error that a change of membership throws.
    static func text(_ code: SocketError.Code, _ body: () throws(SocketError) -> Void) -> String {
        do throws(SocketError) {
            try body()
            return "no error"
        } catch {
            #expect(error.code == code, "\(error)")
            return "\(error)"
        }
    }

    @Test("what is wrong with a source is said", arguments: [4, 6])
    func sourceErrors(version: Int) throws {
        let group = version == 4 ? "239.0.0.81" : "ff02::1:81"
        let (first, second) = version == 4 ? ("127.0.0.2", "127.0.0.3") : ("::2", "::3")
        func member() throws(SocketError) -> UDPSocket {
            try UDPSocket.bind(
                to: version == 4 ? "0.0.0.0:0" : "[::]:0",
                options: UDPOptions(reuseAddress: true)
            )
        }
        let ofSource = try member()
        try ofSource.join(group, from: first, on: .loopback)
        let again = Self.text(.addressInUse) { () throws(SocketError) in
            try ofSource.join(group, from: first, on: .loopback)
        }
        #expect(again.contains("already a member of \(group) from \(first) on lo"))
        let all = Self.text(.addressInUse) { () throws(SocketError) in
            try ofSource.join(group, on: .loopback)
        }
        #expect(all.contains("already a member of \(group) on lo"))
        let other = Self.text(.addressNotAvailable) { () throws(SocketError) in
            try ofSource.leave(group, from: second, on: .loopback)
        }
        #expect(other.contains("not a member of \(group) from \(second) on lo"))
        let blocking = Self.text(.invalidArgument) { () throws(SocketError) in
            try ofSource.block(second, in: group, on: .loopback)
        }
        #expect(blocking.contains("the group is not joined for all sources on lo"))

        let stranger = try member()
        let leaving = Self.text(.addressNotAvailable) { () throws(SocketError) in
            try stranger.leave(group, from: first, on: .loopback)
        }
        #expect(leaving.contains("not a member of \(group) from \(first) on lo"))

        let ofAll = try member()
        try ofAll.join(group, on: .loopback)
        try ofAll.block(first, in: group, on: .loopback)
        let twice = Self.text(.addressNotAvailable) { () throws(SocketError) in
            try ofAll.block(first, in: group, on: .loopback)
        }
        #expect(twice.contains("already blocked"))
        let joining = Self.text(.invalidArgument) { () throws(SocketError) in
            try ofAll.join(group, from: second, on: .loopback)
        }
        #expect(joining.contains("all but blocked sources"))
        let unblocking = Self.text(.addressNotAvailable) { () throws(SocketError) in
            try ofAll.unblock(second, in: group, on: .loopback)
        }
        #expect(unblocking.contains("not blocked"))
    }
}
