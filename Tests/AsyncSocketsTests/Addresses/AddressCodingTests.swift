import AsyncSockets
import Foundation
import Testing

@Suite("An address in a configuration file")
struct AddressCodingTests {
    private struct Configuration: Codable, Equatable {
        var listen: [SocketAddress]
        var allowed: [IPAddress]
        var gateway: IPv4Address
        var group: IPv6Address
        var host: HostName
    }

    private static let text = #"""
        {
            "listen": ["127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:@abstract"],
            "allowed": ["192.0.2.1", "2001:db8::1"],
            "gateway": "192.0.2.254",
            "group": "ff02::1",
            "host": "example.org"
        }
        """#

    @Test("is its text, both ways")
    func codesAsText() throws {
        let read = try JSONDecoder().decode(Configuration.self, from: Data(Self.text.utf8))
        #expect(
            read.listen.map(\.description)
                == ["127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:@abstract"]
        )
        #expect(read.allowed.map(\.version) == [.v4, .v6])
        let again = try JSONDecoder().decode(
            Configuration.self,
            from: JSONEncoder().encode(read)
        )
        #expect(again == read)
    }

    @Test("that is wrong is an error with the position and the fault")
    func wrongTextSaysWhere() throws {
        let text = Self.text.replacing("[::1]:80", with: "[::1]:80000")
        let error = try #require(
            #expect(throws: DecodingError.self) {
                try JSONDecoder().decode(Configuration.self, from: Data(text.utf8))
            }
        )
        guard case .dataCorrupted(let context) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(context.codingPath.map(\.stringValue) == ["listen", "Index 1"])
        #expect(context.debugDescription.contains("80000"))
        #expect(context.underlyingError is SocketError)
    }
}
