import Glibc
import TestKit
import Testing

@testable import AsyncSockets

@Suite(.fewAtOnce, .endsHangs)
struct NetworkInterfaceTests {
    /// A file of the kernel with one number in it.
    private func number(in path: String) -> Int? {
        // SAFETY: Swift lends the path zero-terminated.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        // SAFETY: the buffer is that long.
        let count = unsafe read(file, &bytes, 64)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        return Int(text.prefix { !$0.isNewline })
    }

    @Test("The list agrees with /sys/class/net")
    func agreesWithSysfs() throws {
        let interfaces = try NetworkInterface.all()
        #expect(!interfaces.isEmpty)
        #expect(interfaces.map(\.index) == interfaces.map(\.index).sorted())
        for interface in interfaces {
            let folder = "/sys/class/net/\(interface.name)"
            guard let index = number(in: "\(folder)/ifindex") else { continue }
            #expect(index == Int(interface.index))
            #expect(number(in: "\(folder)/mtu") == interface.mtu)
        }
    }

    @Test("The loopback interface has the addresses of this machine")
    func loopback() throws {
        let interface = try NetworkInterface.loopback
        #expect(interface.name == "lo")
        #expect(interface.flags.isSuperset(of: [.loopback, .up]))
        #expect(!interface.flags.contains(.broadcast))
        let address = try #require(interface.addresses.first { $0.ip == .v4(.loopback) })
        #expect(address.prefixLength == 8)
        #expect(address.broadcast == nil)
        #expect(address.peer == nil)
        #expect(interface.description.hasPrefix("lo (index 1, MTU \(interface.mtu), up, loopback"))
        if let address = interface.addresses.first(where: { $0.ip == .v6(.loopback) }) {
            #expect(address.prefixLength == 128)
        }
    }

    @Test("An interface is found by name, index and address")
    func found() throws {
        let interface = try NetworkInterface.loopback
        #expect(try NetworkInterface.named("lo") == interface)
        #expect(try NetworkInterface.withIndex(interface.index) == interface)
        #expect(try NetworkInterface.withAddress(.v4(.loopback)) == interface)
    }

    @Test("An interface can be named as an argument")
    func implicitMember() throws {
        func join(on interface: NetworkInterface) -> UInt32 { interface.index }
        #expect(try join(on: .loopback) == 1)
        #expect(try join(on: .named("lo")) == 1)
    }

    @Test("An interface that is not there is an error that says so")
    func notFound() throws {
        let error = try #require(throws: SocketError.self) { try NetworkInterface.named("x9x9") }
        #expect(error.code == .noSuchInterface)
        #expect("\(error)" == "list interfaces: no interface is named \"x9x9\"")
        #expect(throws: SocketError.self) { try NetworkInterface.withIndex(0) }
        #expect(throws: SocketError.self) {
            try NetworkInterface.withAddress(.v4(IPv4Address(203, 0, 113, 1)))
        }
    }
}
