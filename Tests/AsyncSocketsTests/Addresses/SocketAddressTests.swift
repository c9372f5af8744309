import TestKit
import Testing

@testable import AsyncSockets

@Suite(.fewAtOnce, .endsHangs)
struct SocketAddressTests {
    @Test(
        "Text is read and written back",
        arguments: [
            ("127.0.0.1:80", SocketAddress.ipv4(.loopback, port: 80)),
            ("0.0.0.0:0", .ipv4(.any, port: 0)), ("[::1]:65535", .ipv6(.loopback, port: 65535)),
            ("[fe80::1%lo]:80", .ipv6(IPv6Address(0xfe80, 0, 0, 0, 0, 0, 0, 1, zone: 1), port: 80)),
            ("unix:", .unixUnnamed),
        ]
    )
    func ipText(text: String, address: SocketAddress) throws {
        #expect(try SocketAddress(text) == address)
        #expect(address.description == text)
    }

    @Test(
        "Unix names are read and written back",
        arguments: [
            (#"unix:/run/x.sock"#, #"/run/x.sock"#), (#"unix:relative"#, #"relative"#),
            (#"unix:/with space:and colon"#, #"/with space:and colon"#),
            (#"unix:/é/日本"#, #"/é/日本"#),
            (#"unix:/back\\slash"#, #"/back\slash"#),
            (#"unix:\x40not-abstract"#, #"@not-abstract"#),
            (#"unix:/line\x0aend"#, "/line\nend"), (#"unix:/in@side"#, #"/in@side"#),
        ]
    )
    func unixPaths(text: String, path: String) throws {
        let address = try SocketAddress(text)
        #expect(address == (try .unix(path: path)))
        #expect(address.unixPath == path)
        #expect(address.unixAbstractName == nil)
        #expect(address.description == text)
    }

    @Test("Abstract names are read and written back, whatever their bytes")
    func abstractNames() throws {
        let address = try SocketAddress("unix:@name")
        #expect(address == (try .unix(abstract: "name")))
        #expect(address.unixAbstractName == Array("name".utf8))
        #expect(address.unixPath == nil)
        #expect(try SocketAddress("unix:@") == .unix(abstract: ""))
        #expect(try SocketAddress(#"unix:@a\x00\xff"#) == .unix(abstract: [97, 0, 255]))
        #expect(try SocketAddress.unix(abstract: "@@").description == "unix:@@@")
    }

    @Test("Every Unix name reads back from its text")
    func randomUnixNames() throws {
        var random = SeededGenerator(seed: 5)
        let alphabet: [UInt8] = Array(#"/a\x40@é "#.utf8) + [0x0a, 0x7f, 0x80, 0xff, 0xe2, 0x81]
        for round in 0..<5000 {
            let length = Int.random(in: 1...107, using: &random)
            let bytes = (0..<length).map { _ in alphabet.randomElement(using: &random)! }
            let address =
                round.isMultiple(of: 2)
                ? try SocketAddress.unix(path: bytes) : try .unix(abstract: bytes)
            #expect(try SocketAddress(address.description) == address)
            #expect(address.description.unicodeScalars.allSatisfy { $0.value >= 0x20 })
            #expect(SocketAddress(address.storage) == address)
        }
    }

    @Test(
        "A bad text is refused, with the fault and its position",
        arguments: [
            ("", "expected an IP address, not a name, found the end at character 1"),
            ("localhost:80", "expected an IP address, not a name, found 'l' at character 1"),
            ("127.0.0.1", "the port is missing at character 10"),
            ("127.0.0.1:", "expected the port, found the end at character 11"),
            ("127.0.0.1:65536", "the port is greater than 65535 at character 11"),
            ("127.0.0.1:080", "the port has a leading zero at character 11"),
            ("127.0.0.1:http", "expected the port, found 'h' at character 11"),
            ("127.0.0.1: 80", "expected the port, found a space at character 11"),
            ("127.0.0.1:80 ", "expected the end, found a space at character 13"),
            ("127.0.0.1:-1", "expected the port, found '-' at character 11"),
            ("127.1:80", "expected '.', found ':' at character 6"),
            (":80", "expected an IP address, not a name, found ':' at character 1"),
            ("80", "expected '.', found the end at character 3"),
            ("::1:80", "an IPv6 address stands in brackets, [::1]:80, at character 1"),
            ("[::1]", "the port is missing at character 6"),
            ("[::1]80", "expected ':', found '8' at character 6"),
            ("[::1", "expected ']', found the end at character 5"),
            ("[127.0.0.1]:80", "only 2 of eight groups at character 11"),
            ("[]:80", "expected a hexadecimal number, found ']' at character 2"),
            ("[fe80::1%]:80", "expected an interface's name or index, found ']' at character 10"),
            (#"unix:/a\b"#, #"a backslash that begins neither \\ nor \xNN, at character 8"#),
            (#"unix:/a\x4"#, #"a backslash that begins neither \\ nor \xNN, at character 8"#),
            (#"unix:/a\x00"#, "a zero byte in a path at character 8"),
            ("unix:/a\0", "a zero byte in a path at character 8"),
        ]
    )
    func badText(text: String, expected: String) throws {
        let error = try #require(throws: SocketError.self) { try SocketAddress(text) }
        #expect(error.code == .invalidAddress)
        #expect(
            error.description
                == "parse: \"\(text.printable())\" is not a socket address: \(expected)"
        )
    }

    @Test("A name longer than the kernel's limit is an error and never cut")
    func longNames() throws {
        let longest = String(repeating: "a", count: 108)
        #expect(try SocketAddress.unix(path: longest).unixPath == longest)
        #expect(try SocketAddress("unix:" + longest).unixPath == longest)
        let error = try #require(throws: SocketError.self) {
            try SocketAddress.unix(path: longest + "a")
        }
        #expect(error.code == .nameTooLong)
        #expect(
            "\(error)" == "parse: a Unix socket's name has 109 bytes, 108 are possible"
        )
        #expect(throws: SocketError.self) { try SocketAddress.unix(abstract: longest) }
        let inText = try #require(throws: SocketError.self) {
            try SocketAddress("unix:@" + longest)
        }
        #expect(inText.code == .nameTooLong)
        #expect(
            "\(inText)".hasSuffix(
                "a Unix socket's name of 108 bytes where 107 are possible, at character 6"
            )
        )
    }

    @Test("A path is neither empty nor has a zero byte in it")
    func pathsRefused() throws {
        for path in ["", "/a\0b"] {
            let error = try #require(throws: SocketError.self) {
                try SocketAddress.unix(path: path)
            }
            #expect(error.code == .invalidAddress)
        }
    }

    @Test("Every IP address survives the way through the kernel's form")
    func storage() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            let port = UInt16(truncatingIfNeeded: random.next())
            let v4 = SocketAddress.ipv4(
                IPv4Address(rawValue: UInt32(truncatingIfNeeded: random.next())),
                port: port
            )
            #expect(SocketAddress(v4.storage) == v4)
            #expect(try SocketAddress(v4.description) == v4)
            let v6 = SocketAddress.ipv6(
                IPv6Address(high: random.next(), low: random.next(), zone: UInt32(port)),
                port: port,
                flowInfo: UInt32(port) + 1
            )
            #expect(SocketAddress(v6.storage) == v6)
        }
    }

    @Test("The parts of an address can be asked for")
    func parts() throws {
        let address = SocketAddress.ipv4(.loopback, port: 80)
        #expect(address.family == .ipv4)
        #expect(address.ip == .v4(.loopback))
        #expect(address.port == 80)
        #expect(address.unixPath == nil)
        #expect(address.withPort(81).port == 81)
        let unix = SocketAddress.unixUnnamed
        #expect(unix.family == .unix)
        #expect(unix.isUnixUnnamed)
        #expect(unix.ip == nil && unix.port == nil && unix.withPort(1) == unix)
    }

    @Test("An IPv4 peer of a dual-stack socket can be compared with its IPv4 address")
    func unmapped() throws {
        let mapped = try SocketAddress("[::ffff:192.0.2.1]:80")
        let plain = try SocketAddress("192.0.2.1:80")
        #expect(mapped != plain)
        #expect(mapped.unmapped == plain)
        for text in ["192.0.2.1:80", "[::1]:80", "[::192.0.2.1]:80", "[fe80::1%1]:80", "unix:/x"] {
            let address = try SocketAddress(text)
            #expect(address.unmapped == address)
        }
    }

    @Test("An address is small: every connection keeps two")
    func size() {
        #expect(MemoryLayout<SocketAddress?>.stride <= 32)
    }
}
