import AsyncSockets
import Glibc
import TestKit
import Testing

/// A name server that takes every question and answers none: a UDP socket on loopback.
private struct SilentNameServer: ~Copyable {
    let address: String
    private let descriptor: CInt

    init?() {
        let number = UInt32.random(in: 1..<0x00ff_ff00)
        let ip = IPv4Address(rawValue: 127 << 24 | number)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(53).bigEndian
        address.sin_addr.s_addr = ip.rawValue.bigEndian
        let descriptor = socket(
            AF_INET,
            CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue),
            0
        )
        // SAFETY: the address lives during the call, and the length is its own.
        let isBound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        self.address = ip.description
        self.descriptor = descriptor
        if !isBound { return nil }
    }

    deinit { close(descriptor) }
}

/// Real lookups, in a process with a hosts file and a name server of its own.
@Suite(
    .fewAtOnce,
    .endsHangs,
    .enabled(if: NameSandbox.isPossible, "takes a mount namespace")
)
struct SystemNamesTests {
    private func run(_ argument: String) {
        // Without the right to use port 53 the questions are refused, which is not what we try.
        guard let server = SilentNameServer() else { return }
        let lines = NameSandbox.probe(argument, nameServer: server.address)
        #expect(lines.filter { $0.hasPrefix("FAILED") } == [])
        #expect(lines.contains("done"), "\(lines)")
        #expect(lines.last == "status 0")
    }

    @Test("Names of the hosts file are found, and IDNA names too")
    func hostsFile() { run("hosts") }

    @Test("A name server that never answers holds up neither other lookups nor the loops")
    func silentServer() { run("silent") }
}
