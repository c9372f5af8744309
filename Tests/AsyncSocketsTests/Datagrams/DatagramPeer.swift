import AsyncSockets
import Glibc
import TestKit
import Testing

/// A datagram socket of plain blocking calls, which shares no line with the library. It gives up
/// after fifty seconds.
final class DatagramPeer: @unchecked Sendable {
    let descriptor: CInt

    init(port: UInt16 = 0, address: UInt32 = 0x7f00_0001, shared: Bool = false) {
        descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: 50, tv_usec: 0)
        unsafe setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &patience,
            socklen_t(MemoryLayout<timeval>.size)
        )
        set(SOL_SOCKET, SO_BROADCAST, 1)
        if shared { set(SOL_SOCKET, SO_REUSEADDR, 1) }
        var name = Self.name(address, port)
        let result = unsafe withUnsafePointer(to: &name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "a test's socket cannot be bound: errno \(errno)")
    }

    deinit { close(descriptor) }

    func set(_ level: CInt, _ option: CInt, _ value: CInt) {
        var value = value
        unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Joins a group on the loopback interface, or sends to groups by it.
    func useLoopback(group: UInt32? = nil) {
        var request = ip_mreqn()
        request.imr_multiaddr.s_addr = (group ?? 0).bigEndian
        request.imr_ifindex = CInt(unsafe if_nametoindex("lo"))
        let option = group == nil ? IP_MULTICAST_IF : IP_ADD_MEMBERSHIP
        let result = unsafe setsockopt(
            descriptor,
            CInt(IPPROTO_IP),
            option,
            &request,
            socklen_t(MemoryLayout<ip_mreqn>.size)
        )
        precondition(result == 0, "errno \(errno)")
    }

    var port: UInt16 {
        var name = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = unsafe withUnsafeMutablePointer(to: &name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
        }
        return UInt16(bigEndian: name.sin_port)
    }

    @discardableResult
    func send(_ bytes: [UInt8], to port: UInt16, at address: UInt32 = 0x7f00_0001) -> Bool {
        var name = Self.name(address, port)
        let count = unsafe withUnsafePointer(to: &name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                unsafe bytes.withUnsafeBytes {
                    unsafe sendto(
                        descriptor,
                        $0.baseAddress,
                        $0.count,
                        0,
                        name,
                        socklen_t(MemoryLayout<sockaddr_in>.size)
                    )
                }
            }
        }
        return count == bytes.count
    }

    /// The next datagram and the port that it came from; nil after fifty seconds.
    func receive() -> (bytes: [UInt8], port: UInt16)? {
        var bytes = [UInt8](repeating: 0, count: 65536)
        var name = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = unsafe withUnsafeMutablePointer(to: &name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                unsafe bytes.withUnsafeMutableBytes {
                    unsafe recvfrom(descriptor, $0.baseAddress, $0.count, 0, name, &length)
                }
            }
        }
        return count < 0 ? nil : (Array(bytes[..<count]), UInt16(bigEndian: name.sin_port))
    }

    private static func name(_ address: UInt32, _ port: UInt16) -> sockaddr_in {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = address.bigEndian
        return name
    }
}

extension UDPSocket {
    /// The port that it is bound to.
    var port: UInt16 { localAddress?.port ?? 0 }

    /// Its address.
    var here: SocketAddress { localAddress ?? .ipv4(.loopback, port: 0) }

    static func onLoopback(_ options: UDPOptions = UDPOptions()) throws -> UDPSocket {
        try bind(to: "127.0.0.1:0", options: options)
    }
}

/// An address of this machine without a receiver.
///
/// No socket of this process had it before: a socket that was closed just now may live on for a
/// moment, in a child that another test is starting. And none will get it: the kernel chooses ports
/// from 32768 on.
func deserted(_ host: String = "127.0.0.1") throws -> SocketAddress {
    try SocketAddress("\(host):\(UInt16.random(in: 20_000..<32_000))")
}

/// The code of the error that a body throws; nil if it throws none or another.
func failure(_ body: () async throws -> Void) async -> SocketError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? SocketError)?.code
    }
}

/// Runs a command in a shell.
func shell(_ command: String) -> (status: CInt, output: String) {
    guard let pipe = unsafe popen(command + " 2>&1", "r") else { return (-1, "") }
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = unsafe fread(&chunk, 1, chunk.count, pipe)
        if count == 0 { break }
        output += chunk[..<count]
    }
    return (unsafe pclose(pipe), String(decoding: output, as: UTF8.self))
}
