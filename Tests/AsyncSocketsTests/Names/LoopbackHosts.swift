import AsyncSockets
import Glibc

/// Hosts of one test on 127.0.0.0/8: a server with a port, hosts that swallow or refuse connections
/// to the same port, and an address to connect from, which no other test uses.
///
/// The address to connect from tells the test's sockets from those of tests that run beside it.
final class LoopbackHosts: Sendable {
    /// Takes connections.
    let server: TCPListener
    /// The address that this test's connections come from.
    let client: SocketAddress
    /// The second and third number of this test's addresses.
    private let network: (UInt8, UInt8)

    init() throws {
        network = (.random(in: 1...250), .random(in: 0...255))
        server = try TCPListener.bind(to: .ipv4(IPv4Address(127, network.0, network.1, 1), port: 0))
        client = .ipv4(IPv4Address(127, network.0, network.1, 100), port: 0)
    }

    var port: UInt16 { server.localAddress.port ?? 0 }

    /// The address of the server.
    var good: String { address(1) }
    /// An address without a listener.
    var refusing: String { address(2) }

    /// An address of this test's own.
    func address(_ last: UInt8) -> String { "127.\(network.0).\(network.1).\(last)" }

    /// The number of descriptors of this process that are sockets with the client's address, in any
    /// state.
    var openSockets: Int {
        guard case .v4(let wanted)? = client.ip else { return 0 }
        return (0..<4096).count { descriptor in
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            // SAFETY: the kernel writes at most `length` bytes; a number that is no socket fails.
            let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe getsockname(CInt(descriptor), $0, &length)
                }
            }
            return result == 0 && CInt(address.sin_family) == AF_INET
                && UInt32(bigEndian: address.sin_addr.s_addr) == wanted.rawValue
        }
    }
}

/// A listener whose backlog is full: the kernel drops what comes, as a host that is gone would.
final class BlackHole: Sendable {
    private let listener: CInt
    private let filler: CInt

    /// - Parameters:
    ///   - address: An IPv4 address of this machine.
    ///   - port: The port at which connections vanish.
    /// - Throws: `Failure`, if the system refuses.
    init(at address: String, port: UInt16) throws {
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port.bigEndian
        target.sin_addr.s_addr = try IPv4Address(address).rawValue.bigEndian
        listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        filler = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        let (listener, filler) = (listener, filler)
        // SAFETY: the address lives during the calls, and the length is its own.
        let done = unsafe withUnsafePointer(to: &target) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                let length = socklen_t(MemoryLayout<sockaddr_in>.size)
                // With a backlog of 0 the kernel keeps one connection.
                return unsafe bind(listener, $0, length) == 0 && listen(listener, 0) == 0
                    && connect(filler, $0, length) == 0
            }
        }
        if !done { throw Failure(errno: errno) }
    }

    deinit {
        close(listener)
        close(filler)
    }

    struct Failure: Error {
        let errno: CInt
    }
}
