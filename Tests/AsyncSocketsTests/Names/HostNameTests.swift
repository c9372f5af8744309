import TestKit
import Testing

@testable import AsyncSockets

@Suite(.fewAtOnce, .endsHangs)
struct HostNameTests {
    @Test(
        "Names are taken as they are",
        arguments: [
            "localhost", "example.org", "example.org.", "a-b.c_d.org", "_dns.example", "x",
            "3com.com",
            "bücher.example", "例え.テスト", "xn--bcher-kva.example", "1e100", "a.0xyz",
        ]
    )
    func goodNames(text: String) throws {
        #expect(try HostName(text).description == text)
    }

    @Test(
        "What cannot be a name says why",
        arguments: [
            ("", "it is empty"), (".", "it is empty"), ("a..b", "two dots"), (".a", "two dots"),
            ("a b", "a space"), ("a/b", "'/'"), ("a:b", "':'"), ("a\u{0}b", "a character"),
            ("a\nb", "a character"), ("-a.org", "hyphen"), ("127.1", "ends in a number"),
            ("1.2.3.4.5", "ends in a number"), ("0x7f000001", "ends in a number"),
            ("a.0x", "ends in a number"), ("a\u{2028}b", "a character"),
            (String(repeating: "a", count: 64), "63 are possible"),
            (String(repeating: "abcdefg.", count: 32) + "org", "253 are possible"),
        ]
    )
    func badNamesSayWhy(text: String, reason: String) {
        let error = #expect(throws: SocketError.self) { try HostName(text) }
        #expect(error?.code == .invalidName)
        #expect(error?.reason?.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test("localhost and what is below it mean this machine")
    func localhost() throws {
        for name in ["localhost", "LocalHost", "localhost.", "db.localhost"] {
            #expect(try HostName(name).isLocalhost)
        }
        for name in ["localhost.example.org", "notlocalhost"] {
            #expect(try !HostName(name).isLocalhost)
        }
    }

    @Test("An endpoint is an address, or a name with a port or a service")
    func endpoints() throws {
        func parts(_ text: String) throws -> (Endpoint.Host, Endpoint.Port) {
            let endpoint = try Endpoint(text)
            return (endpoint.host, endpoint.port)
        }
        let v4 = SocketAddress.ipv4(.loopback, port: 80)
        let v6 = SocketAddress.ipv6(.loopback, port: 80)
        let name = Endpoint.Host.name(try HostName("example.org"))
        #expect(try parts("127.0.0.1:80") == (.address(v4), .number(80)))
        #expect(try parts("[::1]:80") == (.address(v6), .number(80)))
        #expect(try parts("example.org:80") == (name, .number(80)))
        #expect(try parts("example.org:https") == (name, .service("https")))
        #expect(try parts("127.0.0.1:http") == (.address(v4.withPort(0)), .service("http")))
        #expect(try parts("[::1]:http") == (.address(v6.withPort(0)), .service("http")))
        #expect(try Endpoint(host: "::1", port: 80).host == .address(v6))
        #expect(try Endpoint(host: "[::1]", port: 80).host == .address(v6))
        #expect(try Endpoint(host: "127.0.0.1", port: 80).host == .address(v4))
        #expect(try Endpoint(host: "example.org", port: 80).host == name)
    }

    @Test(
        "A text that is neither is an error, never looked up",
        arguments: [
            "", ":", ":80", "example.org", "127.0.0.1", "::1", "::1:80", "[::1]", "[::1:80",
            "127.0.0.1:99999", "127.0.0.1:", "example.org:", "example.org:99999", "010.1.1.1:80",
            "127.1:80", "256.1.1.1:80", "exa mple.org:80", "example.org:ht tp", "unix:relative\\q",
            "[example.org]:80", "example.org:-1", "[1.2.3.4]:80", "a:b:80", "::1:http",
        ]
    )
    func wrongEndpoints(text: String) {
        let error = #expect(throws: SocketError.self) { try Endpoint(text) }
        #expect(error?.code == .invalidAddress || error?.code == .invalidName)
    }

    @Test(
        "A host that is neither a name nor an address is an error",
        arguments: ["", "127.0.0.1:80", "1.2.3", "[127.0.0.1]", "[::1", "::g", "a b", "[]"]
    )
    func wrongHosts(text: String) {
        #expect(throws: SocketError.self) { try Endpoint(host: text, port: 80) }
    }
}
