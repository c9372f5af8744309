import AsyncSockets
import TestKit
import Testing

@Suite("An address that is refused", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct RefusedAddressTests {
    private func sentence(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "because it belongs to a link and names none, says so",
        arguments: ["fe80::1", "ff02::1", "ff12::5"]
    )
    func zoneless(ip: String) async throws {
        let six = try UDPSocket.bind(to: "[::]:0")
        var refusals = [
            await sentence { _ = try UDPSocket.connect(to: "[\(ip)]:80") },
            await sentence { _ = try UDPSocket.bind(to: "[\(ip)]:80") },
            await sentence { try six.connect(to: "[\(ip)]:80") },
        ]
        if ip.hasPrefix("fe80") {
            let options = ConnectOptions(localAddress: try SocketAddress("[\(ip)]:0"))
            let here = try TCPListener.bind(to: "[::1]:0")
            refusals += [
                await sentence { _ = try await TCPConnection.connect(to: "[\(ip)]:80") },
                await sentence { _ = try TCPListener.bind(to: "[\(ip)]:80") },
                await sentence {
                    _ = try await TCPConnection.connect(to: here.localAddress, options: options)
                },
                await sentence {
                    let options = SendOptions(source: try IPAddress(ip))
                    try await six.send("x", to: six.here, options: options)
                },
            ]
        }
        for refusal in refusals {
            #expect(refusal.contains("\(ip) is an address of one link"), "\(refusal)")
            #expect(refusal.contains("\(ip)%eth0"), "\(refusal)")
        }
    }

    @Test("because no interface has its index, says so")
    func noSuchZone() async {
        let refusals = [
            await sentence { _ = try await TCPConnection.connect(to: "[fe80::1%99999]:80") },
            await sentence { _ = try UDPSocket.connect(to: "[fe80::1%99999]:80") },
            await sentence { _ = try UDPSocket.bind(to: "[fe80::1%99999]:80") },
        ]
        for refusal in refusals {
            #expect(refusal.contains("no interface has the index 99999"), "\(refusal)")
        }
    }

    @Test("because it is not this machine's, says so", arguments: ["203.0.113.1", "[2001:db8::9]"])
    func notHere(host: String) async throws {
        let options = ConnectOptions(localAddress: try SocketAddress("\(host):0"))
        let peer = try SocketAddress(host.hasPrefix("[") ? "[::1]:9" : "127.0.0.1:9")
        let socket = try UDPSocket.bind(to: peer.withPort(0))
        let source = try #require(options.localAddress?.ip)
        var refusals = [
            await sentence { _ = try TCPListener.bind(to: "\(host):0") },
            await sentence { _ = try UDPSocket.bind(to: "\(host):0") },
            await sentence { _ = try await TCPConnection.connect(to: peer, options: options) },
        ]
        let sending = await sentence {
            try await socket.send("x", to: peer, options: SendOptions(source: source))
        }
        // Of IPv4 the kernel says that there is no way from there.
        if peer.family == .ipv6 { refusals.append(sending) }
        for refusal in refusals {
            #expect(refusal.contains("no interface of this machine has"), "\(refusal)")
        }
    }

    @Test("because it is of another family than the peer's, says so")
    func otherFamily() async throws {
        let six = try SocketAddress("[::1]:0")
        let options = ConnectOptions(localAddress: six)
        let refusals: [() async throws -> Void] = [
            { _ = try await TCPConnection.connect(to: "127.0.0.1:9", options: options) },
            { _ = try UDPSocket.connect(to: "127.0.0.1:9", from: six) },
            { _ = try UDPSocket.connect(to: "[::1]:9", from: SocketAddress("127.0.0.1:0")) },
        ]
        for refusal in refusals { #expect(await code(of: refusal) == .wrongAddressFamily) }
    }

    @Test("because it is a broadcast address, says so, and no other address does")
    func broadcast() async throws {
        let socket = try UDPSocket.onLoopback()
        let refusals = [
            await sentence { try await socket.send("x", to: "127.255.255.255:9") },
            await sentence { _ = try UDPSocket.connect(to: "127.255.255.255:9") },
        ]
        for refusal in refusals {
            #expect(refusal.contains("needs the option broadcast"), "\(refusal)")
        }
        guard let hosts = TwoHosts() else { return }
        _ = shell("ip -n \(hosts.left) route add prohibit 203.0.113.0/24")
        let prohibited = try await hosts.inside(hosts.left) { () -> String in
            do {
                _ = try UDPSocket.connect(to: "203.0.113.5:9")
                return "no error"
            } catch {
                return "\(error)"
            }
        }
        #expect(prohibited.contains("EACCES") && !prohibited.contains("broadcast"))
    }

    @Test("because it is tentative, or another machine has it, says so")
    func tentative() async throws {
        guard let hosts = TwoHosts() else { return }
        _ = shell(
            """
            ip netns exec \(hosts.left) sh -c '
                echo 1000 > /proc/sys/net/ipv6/conf/v0/dad_transmits'
            ip -n \(hosts.left) -6 addr add fd00:8::1/64 dev v0
            """
        )
        func refusal(_ bind: @escaping @Sendable () throws -> Void) async throws -> String {
            try await hosts.inside(hosts.left) {
                do {
                    try bind()
                    return "no error"
                } catch {
                    return "\(error)"
                }
            }
        }
        let address = "[fd00:8::1]:0"
        for refusal in [
            try await refusal { _ = try TCPListener.bind(to: address) },
            try await refusal { _ = try UDPSocket.bind(to: address) },
        ] {
            #expect(refusal.contains("fd00:8::1 is tentative"), "\(refusal)")
        }
        _ = shell(
            """
            ip netns exec \(hosts.left) sh -c '
                echo 1 > /proc/sys/net/ipv6/conf/v0/dad_transmits'
            ip -n \(hosts.left) -6 addr add fd00:7::2/64 dev v0
            """
        )
        let taken = await eventually {
            let refusal = try? await refusal {
                _ = try UDPSocket.bind(to: "[fd00:7::2]:0")
            }
            return refusal?.contains("another machine of the link has fd00:7::2") == true
        }
        #expect(taken)
    }
}
