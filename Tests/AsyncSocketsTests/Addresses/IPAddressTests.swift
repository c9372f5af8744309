import Glibc
import TestKit
import Testing

@testable import AsyncSockets

/// The end of the error's sentence that a parser throws; nil if it accepts the text.
private func complaint<Value>(_ parse: () throws(SocketError) -> Value) -> String? {
    do {
        _ = try parse()
        return nil
    } catch {
        guard error.code == .invalidAddress, error.operation == .parse else { return "\(error)" }
        return error.reason?.split(separator: ": ", maxSplits: 1).last.map(String.init)
    }
}

@Suite(.fewAtOnce, .endsHangs)
struct IPv4AddressTests {
    @Test(
        "Four decimal numbers are an address",
        arguments: [
            ("0.0.0.0", IPv4Address.any), ("127.0.0.1", .loopback),
            ("255.255.255.255", .broadcast), ("1.20.30.4", IPv4Address(1, 20, 30, 4)),
        ]
    )
    func goodText(text: String, address: IPv4Address) throws {
        #expect(try IPv4Address(text) == address)
        #expect(address.description == text)
    }

    @Test(
        "Other notations are refused, with the fault and its position",
        arguments: [
            ("", "expected a number, found the end at character 1"),
            ("1", "expected '.', found the end at character 2"),
            ("127.1", "expected '.', found the end at character 6"),
            ("1.2.3", "expected '.', found the end at character 6"),
            ("1.2.3.", "expected a number, found the end at character 7"),
            ("1.2.3.4.", "expected the end, found '.' at character 8"),
            ("1.2.3.4.5", "expected the end, found '.' at character 8"),
            ("1..2.3", "expected a number, found '.' at character 3"),
            (".1.2.3.4", "expected a number, found '.' at character 1"),
            ("256.0.0.1", "a number is greater than 255 at character 1"),
            ("1.2.3.1000", "a number is greater than 255 at character 7"),
            ("1.2.3.99999999999999999999999", "a number is greater than 255 at character 7"),
            ("010.0.0.1", "a number has a leading zero at character 1"),
            ("1.2.3.00", "a number has a leading zero at character 7"),
            ("0x7f.0.0.1", "expected '.', found 'x' at character 2"),
            ("1.2.3.-4", "expected a number, found '-' at character 7"),
            ("1.2.3.+4", "expected a number, found '+' at character 7"),
            (" 1.2.3.4", "expected a number, found a space at character 1"),
            ("1.2.3.4 ", "expected the end, found a space at character 8"),
            ("1.2.3.4\n", "expected the end, found a character that no address has at character 8"),
            ("1.2.3.4\0", "expected the end, found a character that no address has at character 8"),
            ("١.2.3.4", "expected a number, found a character that no address has at character 1"),
            ("2130706433", "a number is greater than 255 at character 1"),
            ("::1", "expected a number, found ':' at character 1"),
            ("1.2.3.4/24", "expected the end, found '/' at character 8"),
        ]
    )
    func badText(text: String, expected: String) {
        #expect(complaint { () throws(SocketError) in try IPv4Address(text) } == expected)
    }

    @Test("Every address reads back from its text, and the C library agrees on the text")
    func roundTrip() throws {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<2000 {
            let address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: random.next()))
            #expect(try IPv4Address(address.description) == address)
            var parsed = in_addr()
            // SAFETY: inet_pton writes an in_addr for AF_INET.
            #expect(unsafe inet_pton(AF_INET, address.description, &parsed) == 1)
            #expect(parsed.s_addr == address.rawValue.bigEndian)
        }
    }

    @Test("What the C library's strict parser refuses is refused here, and the reverse")
    func agreesWithLibrary() {
        var random = SeededGenerator(seed: 44)
        let alphabet = Array("0125.. x")
        for _ in 0..<20000 {
            let length = Int.random(in: 3...11, using: &random)
            let text = String((0..<length).map { _ in alphabet.randomElement(using: &random)! })
            var parsed = in_addr()
            // SAFETY: as above.
            let accepted = unsafe inet_pton(AF_INET, text, &parsed) == 1
            let taken = (try? IPv4Address(text)) != nil
            #expect(taken == accepted, "\(text)")
        }
    }

    @Test("Addresses know their kind")
    func kinds() {
        #expect(IPv4Address(127, 255, 0, 1).isLoopback)
        #expect(!IPv4Address(128, 0, 0, 1).isLoopback)
        #expect(IPv4Address(169, 254, 3, 4).isLinkLocal)
        #expect(IPv4Address(224, 0, 0, 1).isMulticast)
        #expect(IPv4Address(239, 255, 255, 255).isMulticast)
        #expect(!IPv4Address(240, 0, 0, 0).isMulticast)
        #expect(IPv4Address.broadcast.isBroadcast)
        #expect(IPv4Address.any.isUnspecified)
        #expect(IPv4Address(172, 31, 0, 1).isPrivate && !IPv4Address(172, 32, 0, 1).isPrivate)
        #expect(IPv4Address(10, 0, 0, 2) > IPv4Address(9, 255, 255, 255))
    }
}

@Suite(.fewAtOnce, .endsHangs)
struct IPv6AddressTests {
    @Test(
        "Text is read, and written in the form of RFC 5952",
        arguments: [
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:0", "::"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("2001:0db8::0001", "2001:db8::1"),
            // A single group of zeros stays; of two runs the longer one, or the first, is cut.
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("0:0:1::", "0:0:1::"), ("1:0:0:2:0:0:0:0", "1:0:0:2::"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::ffff:c000:201", "::ffff:192.0.2.1"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("::1.2.3.4", "::102:304"),
            ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
            ("fe80::1%lo", "fe80::1%lo"), ("fe80::1%1", "fe80::1%lo"),
            ("fe80::1%4000000000", "fe80::1%4000000000"), ("ff02::1%lo", "ff02::1%lo"),
        ]
    )
    func goodText(text: String, canonical: String) throws {
        let address = try IPv6Address(text)
        #expect(address.description == canonical)
        #expect(try IPv6Address(canonical) == address)
    }

    @Test(
        "Other notations are refused, with the fault and its position",
        arguments: [
            ("", "expected a hexadecimal number, found the end at character 1"),
            (":", "expected a hexadecimal number, found ':' at character 1"),
            (":::", "expected the end, found ':' at character 3"),
            (":1", "expected a hexadecimal number, found ':' at character 1"),
            ("1:", "expected a hexadecimal number, found the end at character 3"),
            ("1:2:3", "only 3 of eight groups at character 6"),
            ("1:2:3:4:5:6:7", "only 7 of eight groups at character 14"),
            ("1:2:3:4:5:6:7:", "expected a hexadecimal number, found the end at character 15"),
            ("1:2:3:4:5:6:7:8:9", "more than eight groups at character 17"),
            ("1:2:3:4:5:6:7:8:", "expected a hexadecimal number, found the end at character 17"),
            ("1:2:3:4::5:6:7:8", "'::' beside eight groups at character 8"),
            ("::1::", "'::' stands a second time at character 4"),
            ("1::2:::3", "'::' stands a second time at character 5"),
            ("12345::", "a group of more than four digits at character 1"),
            ("::00001", "a group of more than four digits at character 3"),
            ("g::", "expected a hexadecimal number, found 'g' at character 1"),
            ("1:2:3:4:5:6:7:1.2.3.4", "no room for an IPv4 address at character 15"),
            ("::1.2.3", "expected '.', found the end at character 8"),
            ("::1.2.3.4:5", "expected the end, found ':' at character 10"),
            ("::1.2.3.04", "a number has a leading zero at character 9"),
            ("::256.2.3.4", "a number is greater than 255 at character 3"),
            ("1.2.3.4", "only 2 of eight groups at character 8"),
            ("[::1]", "expected a hexadecimal number, found '[' at character 1"),
            (" ::1", "expected a hexadecimal number, found a space at character 1"),
            ("::1 ", "expected the end, found a space at character 4"),
            ("fe80::1%", "expected an interface's name or index, found the end at character 9"),
            ("fe80::1%0", "a zone of index 0 at character 9"),
            ("fe80::1%01", "the zone's index has a leading zero at character 9"),
            ("fe80::1%4294967296", "the zone's index is greater than 4294967295 at character 9"),
            ("fe80::1%nope", "no interface is named 'nope', at character 9"),
            ("fe80::1%lo ", "no interface is named 'lo ', at character 9"),
            ("fe80::1%lo]", "expected the end, found ']' at character 11"),
        ]
    )
    func badText(text: String, expected: String) {
        #expect(complaint { () throws(SocketError) in try IPv6Address(text) } == expected)
    }

    /// An address with runs of zeros in it, as real ones have.
    private func randomAddress(_ random: inout SeededGenerator) -> IPv6Address {
        func half() -> UInt64 {
            (0..<4).reduce(UInt64(0)) { half, _ in
                let kind = random.next() % 4
                let group = kind < 2 ? 0 : kind == 2 ? random.next() % 16 : random.next() % 65536
                return half << 16 | group
            }
        }
        return IPv6Address(high: half(), low: half())
    }

    @Test("Every address reads back from its text, and the C library agrees on the text")
    func roundTrip() throws {
        var random = SeededGenerator(seed: 6)
        for _ in 0..<5000 {
            let address = randomAddress(&random)
            #expect(try IPv6Address(address.description) == address)
            var bytes = address.groups.map(\.bigEndian)
            var text = [CChar](repeating: 0, count: 64)
            // SAFETY: the groups are the 16 bytes of an in6_addr, and the text has room.
            let expected = unsafe String(cString: inet_ntop(AF_INET6, &bytes, &text, 64))
            // inet_ntop writes ::1.2.3.4 for addresses that RFC 4291 has given up.
            if address.high == 0, address.low >> 32 == 0, address.low >= 0x10000 { continue }
            #expect(address.description == expected)
        }
    }

    @Test("What the C library's parser refuses is refused here, and the reverse")
    func agreesWithLibrary() {
        var random = SeededGenerator(seed: 66)
        let parts = ["0", "1", "ab", "FFFF", ":", ":", ":", "::", "1.2.3.4", ".", "12345", " "]
        for _ in 0..<40000 {
            let length = Int.random(in: 1...16, using: &random)
            let text = (0..<length).map { _ in parts.randomElement(using: &random)! }.joined()
            var parsed = in6_addr()
            // SAFETY: inet_pton writes an in6_addr for AF_INET6.
            let accepted = unsafe inet_pton(AF_INET6, text, &parsed) == 1
            let address = try? IPv6Address(text)
            #expect((address != nil) == accepted, "\(text)")
            guard let address, accepted else { continue }
            let expected = unsafe withUnsafeBytes(of: parsed) { unsafe Array($0) }
            let groups = address.groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
            #expect(groups == expected, "\(text)")
        }
    }

    @Test("Addresses know their kind")
    func kinds() throws {
        #expect(IPv6Address.loopback.isLoopback)
        #expect(IPv6Address.any.isUnspecified)
        #expect(try IPv6Address("febf::1").isLinkLocal)
        #expect(try !IPv6Address("fec0::1").isLinkLocal)
        #expect(try IPv6Address("ff05::1").isMulticast)
        #expect(try !IPv6Address("ff05::1").isLinkLocalMulticast)
        #expect(try IPv6Address("ff12::1").isLinkLocalMulticast)
        #expect(try IPv6Address("fd00::1").isUniqueLocal)
        let mapped = IPv6Address(mapping: .loopback)
        #expect(mapped.description == "::ffff:127.0.0.1")
        #expect(mapped.ipv4 == .loopback)
        #expect(IPv6Address.loopback.ipv4 == nil)
        #expect(IPAddress.v6(mapped).isLoopback)
        #expect(IPAddress.v6(mapped).unmapped == .v4(.loopback))
    }

    @Test("The zone is part of the address")
    func zone() throws {
        let address = try IPv6Address("fe80::1")
        #expect(address.zone == 0)
        #expect(address.inZone(1) != address)
        #expect(address.inZone(1).inZone(0) == address)
        #expect(
            IPv6Address(0xfe80, 0, 0, 0, 0, 0, 0, 1, zone: 1) == (try IPv6Address("fe80::1%1"))
        )
    }

    @Test("Either version is told by its text")
    func eitherVersion() throws {
        #expect(try IPAddress("1.2.3.4") == .v4(IPv4Address(1, 2, 3, 4)))
        #expect(try IPAddress("::1") == .v6(.loopback))
        #expect(
            complaint { () throws(SocketError) in try IPAddress("localhost") }
                == "expected a number, found 'l' at character 1"
        )
        #expect(IPAddress.v4(.broadcast) < .v6(.any))
    }
}
