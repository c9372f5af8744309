import AsyncSockets
import TestKit
import Testing

@Suite("A client's own port", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct LocalPortTests {
    /// The error of a connection that could not be made.
    private func failure(
        from local: SocketAddress,
        to remote: SocketAddress,
        _ options: [SocketOptionSetting] = []
    ) async -> SocketError? {
        do {
            _ = try await TCPConnection.connect(
                to: remote,
                options: ConnectOptions(localAddress: local, socketOptions: options)
            )
            return nil
        } catch {
            return error as? SocketError
        }
    }

    @Test("is the kernel's choice for each peer anew; when none is left, the error says so")
    func sharedByPeers() async throws {
        let hosts = try LoopbackHosts()
        let other = try TCPListener.bind(to: "\(hosts.address(3)):0")
        var four: [SocketOptionSetting] = []
        var clients: [TCPConnection] = []
        // Another test's socket may have one of four ports: then others are tried.
        for _ in 0..<20 where clients.count < 8 {
            // IP_LOCAL_PORT_RANGE, since Linux 6.3: four of the ports that the kernel gives.
            let first = 40_000 + 4 * Int.random(in: 0..<2000)
            let range = Int(CInt(truncatingIfNeeded: (first + 3) << 16 | first))
            four = [.set(.integer(level: 0, name: 51), range)]
            let options = ConnectOptions(localAddress: hosts.client, socketOptions: four)
            clients = []
            do {
                for number in 0..<8 {
                    let peer = number.isMultiple(of: 2) ? hosts.server : other
                    clients.append(try await .connect(to: peer.localAddress, options: options))
                }
            } catch let error as SocketError where error.errno == 92 {
                return  // ENOPROTOOPT
            } catch let error as SocketError where error.code == .addressNotAvailable {}
        }
        let ports = clients.compactMap { $0.localAddress?.port }
        #expect(Set(ports).count == 4 && ports.count == 8)
        let error = await failure(from: hosts.client, to: other.localAddress, four)
        #expect(error?.code == .addressNotAvailable)
        #expect("\(error!)".contains("no local port is left for this destination"))
    }

    @Test("is used again at once, for another peer, and for several")
    func usedAgain() async throws {
        let hosts = try LoopbackHosts()
        let other = try TCPListener.bind(to: "\(hosts.address(3)):0")
        let local = hosts.client.withPort(.random(in: 20_000..<32_000))
        let options = ConnectOptions(localAddress: local)
        for peer in [hosts.server, other] {
            let client = try await TCPConnection.connect(to: peer.localAddress, options: options)
            let server = try await peer.accept()
            #expect(client.localAddress == local)
            // Who closes first keeps the connection in mind for a minute.
            client.close()
            #expect(try await server.read(atMost: 1) == nil)
        }
        let third = try TCPListener.bind(to: "\(hosts.address(4)):0")
        let fourth = try TCPListener.bind(to: "\(hosts.address(5)):0")
        let one = try await TCPConnection.connect(to: third.localAddress, options: options)
        let two = try await TCPConnection.connect(to: fourth.localAddress, options: options)
        #expect(one.localAddress == local && two.localAddress == local)
        let error = await failure(from: local, to: third.localAddress)
        #expect(error?.code == .addressNotAvailable)
        #expect("\(error!)".contains("a connection from port \(local.port!) to there exists"))
    }

    @Test("is not taken from a socket that listens")
    func listening() async throws {
        let hosts = try LoopbackHosts()
        let owner = try TCPListener.bind(to: hosts.client)
        let error = await failure(from: owner.localAddress, to: hosts.server.localAddress)
        #expect(error?.code == .addressInUse)
        #expect("\(error!)".contains("a socket that listens"))
    }

    @Test("of a listener may be the last one: the error says so")
    func noneLeft() throws {
        let range = Int(CInt(truncatingIfNeeded: 45_678 << 16 | 45_678))
        let one: [SocketOptionSetting] = [.set(.integer(level: 0, name: 51), range)]
        let host = "127.\(UInt8.random(in: 1...250)).\(UInt8.random(in: 0...255)).1:0"
        let listener = try? TCPListener.bind(to: host, options: ListenOptions(socketOptions: one))
        // The kernel has the option since Linux 6.3.
        guard let listener else { return }
        let error = #expect(throws: SocketError.self) {
            try TCPListener.bind(to: host, options: ListenOptions(socketOptions: one))
        }
        #expect(error?.code == .addressInUse)
        #expect("\(error!)".contains("no port is left"))
        listener.close()
    }
}
