import Glibc
import TestKit
import Testing

@testable import SocketSystem

@Suite(.fewAtOnce, .endsHangs)
struct AddressStorageTests {
    /// What the C library makes of the bytes, as it would print them.
    private func numericHost(_ storage: AddressStorage) -> (host: String, port: String)? {
        var host = [CChar](repeating: 0, count: 100)
        var port = [CChar](repeating: 0, count: 20)
        // SAFETY: both buffers are passed with their sizes.
        let result = unsafe storage.withSockaddr { address, length in
            unsafe getnameinfo(
                address,
                length,
                &host,
                100,
                &port,
                20,
                NI_NUMERICHOST | NI_NUMERICSERV
            )
        }
        guard result == 0 else { return nil }
        func text(_ characters: [CChar]) -> String {
            String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        }
        return (text(host), text(port))
    }

    @Test("An IPv4 address lies in memory as the C library reads it")
    func ipv4Layout() throws {
        let storage = AddressStorage(ipv4: 0x7f00_0001, port: 8080)
        #expect(storage.family == AF_INET)
        #expect(storage.length == 16)
        let text = try #require(numericHost(storage))
        #expect(text == ("127.0.0.1", "8080"))
        #expect(try #require(storage.ipv4) == (0x7f00_0001, 8080))
        #expect(storage.ipv6 == nil)
        #expect(storage.unixName == nil)
    }

    @Test("An IPv6 address lies in memory as the C library reads it")
    func ipv6Layout() throws {
        let storage = AddressStorage(
            ipv6: 0xfe80_0000_0000_0000,
            0x0102_0304_0506_0708,
            port: 443,
            flowInfo: 7,
            scope: 1
        )
        #expect(storage.family == AF_INET6)
        #expect(storage.length == 28)
        let text = try #require(numericHost(storage))
        #expect(text == ("fe80::102:304:506:708%lo", "443"))
        let parts = try #require(storage.ipv6)
        #expect(parts == (0xfe80_0000_0000_0000, 0x0102_0304_0506_0708, 443, 7, 1))
        // SAFETY: the length of the structure was checked above.
        unsafe storage.withSockaddr { address, _ in
            unsafe UnsafeRawPointer(address).withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                unsafe #expect($0.pointee.sin6_flowinfo == UInt32(7).bigEndian)
                unsafe #expect($0.pointee.sin6_scope_id == 1)
            }
        }
    }

    @Test(
        "A Unix name comes back as it was given",
        arguments: [
            [], Array("/run/x".utf8), [0] + Array("abstract".utf8), [0, 0, 255, 0], [0],
            [UInt8](repeating: 97, count: 108), [0] + [UInt8](repeating: 0, count: 107),
        ]
    )
    func unixNames(name: [UInt8]) throws {
        let storage = try AddressStorage(unixName: name)
        #expect(storage.family == AF_UNIX)
        #expect(storage.unixName == name)
    }

    @Test("A Unix name that the kernel would cut is refused")
    func unixNamesRefused() {
        #expect(throws: Errno.nameTooLong) {
            try AddressStorage(unixName: [UInt8](repeating: 97, count: 109))
        }
        #expect(throws: Errno.invalidArgument) { try AddressStorage(unixName: [97, 0, 97]) }
    }

    @Test("The kernel binds every length of name, and gives the same name back")
    func unixNamesInKernel() throws {
        // Abstract names only: they leave no file.
        for count in [2, 50, 107, 108] {
            let unique = Array("\(getpid())-\(count)-".utf8)
            let name = [0] + unique + [UInt8](repeating: 120, count: 200)
            let storage = try AddressStorage(unixName: Array(name.prefix(count)))
            let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            // SAFETY: the storage lends its bytes for the calls.
            let bound = unsafe storage.withSockaddr { unsafe bind(descriptor, $0, $1) }
            #expect(bound == 0)
            var returned = AddressStorage()
            let result = unsafe returned.withMutableSockaddr {
                unsafe getsockname(descriptor, $0, &$1)
            }
            #expect(result == 0)
            #expect(returned == storage)
            #expect(returned.hashValue == storage.hashValue)
        }
    }

    @Test("Bytes past what the family means do not count")
    func equality() {
        let plain = AddressStorage(ipv4: 1, port: 2)
        var longer = plain
        // SAFETY: 128 bytes are there.
        unsafe longer.withMutableSockaddr { address, length in
            unsafe UnsafeMutableRawPointer(address).storeBytes(
                of: 77,
                toByteOffset: 40,
                as: UInt8.self
            )
            length = 64
        }
        #expect(longer.length == 64)
        #expect(longer == plain)
        #expect(longer.hashValue == plain.hashValue)
        #expect(plain != AddressStorage(ipv4: 1, port: 3))
        #expect(plain != AddressStorage(ipv6: 0, 1, port: 2))
    }

    @Test("A length beyond the capacity is cut to it")
    func lengthIsHeld() {
        var storage = AddressStorage()
        // SAFETY: nothing is written.
        unsafe storage.withMutableSockaddr { _, length in length = 4711 }
        #expect(storage.length == AddressStorage.capacity)
        unsafe storage.withMutableSockaddr { _, length in length = 0 }
        #expect(storage.family == AF_UNSPEC)
        #expect(storage.unixName == nil)
    }
}
