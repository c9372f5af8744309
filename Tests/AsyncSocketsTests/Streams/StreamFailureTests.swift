import AsyncSockets
import TestKit
import Testing

/// The kernel tells a connection's failure once, to whichever call comes first.
@Suite("A failure of a stream", .descriptorsBalanced, .fewAtOnce, .endsHangs)
struct StreamFailureTests {
    enum Kind: CaseIterable {
        case tcp, unix, unixWithDescriptors

        /// A connection whose peer has sent four bytes and then reset it.
        func broken() async throws -> StreamConnection {
            switch self {
            case .tcp:
                let (client, server) = try await tcpPair()
                try await server.write("torn")
                #expect(await eventually { (try? client.get(.tcpInfo).bytesReceived) == 4 })
                server.reset()
                #expect(await eventually { (try? client.get(.tcpInfo).state) == .closed })
                return client
            case .unix: return try await brokenUnix(receivesDescriptors: false)
            case .unixWithDescriptors: return try await brokenUnix(receivesDescriptors: true)
            }
        }

        private func brokenUnix(receivesDescriptors: Bool) async throws -> UnixConnection {
            let (client, server) = try UnixConnection.pair(receivesDescriptors: receivesDescriptors)
            // Closed with unread bytes, a Unix socket resets its peer.
            try await client.write("unread")
            try await server.write("torn")
            server.close()
            return client
        }

        /// The ways to read such a connection.
        var verbs: [Verb] {
            self == .unixWithDescriptors
                ? Verb.allCases : Verb.allCases.filter { !$0.wantsDescriptors }
        }
    }

    enum Verb: CaseIterable {
        case chunks, atMost, exactly, until, lines, intoSpan, message, wholeMessage

        var wantsDescriptors: Bool { self == .message || self == .wholeMessage }

        /// Reads more than there is.
        func read(_ connection: StreamConnection) async throws {
            switch self {
            case .chunks: for try await _ in connection {}
            case .atMost: _ = try await connection.read(atMost: 100)
            case .exactly: _ = try await connection.read(exactly: 100)
            case .until: _ = try await connection.read(until: [10])
            case .lines: for try await line in connection.lines { Issue.record("whole: \(line)") }
            case .intoSpan:
                var bytes = [UInt8](repeating: 0, count: 100)
                var span = bytes.mutableSpan
                _ = try await connection.read(into: &span)
            case .message:
                _ = try await (connection as? UnixConnection)?.readWithDescriptors()
            case .wholeMessage:
                _ = try await (connection as? UnixConnection)?.readWithDescriptors(exactly: 100)
            }
        }
    }

    @Test("is thrown by each read behind what had arrived", arguments: Kind.allCases)
    func eachRead(kind: Kind) async throws {
        for first in kind.verbs {
            let connection = try await kind.broken()
            #expect(try await connection.read(exactly: 4) == Array("torn".utf8))
            for verb in [first, first] + kind.verbs {
                #expect(
                    await code { try await verb.read(connection) } == .connectionReset,
                    "\(verb) after \(first)"
                )
            }
        }
    }

    @Test("leaves a torn message where it is, never as a whole one", arguments: Kind.allCases)
    func tornMessage(kind: Kind) async throws {
        let connection = try await kind.broken()
        for verb in [Verb.until, .lines, .exactly, .lines, .until, .exactly] {
            #expect(await code { try await verb.read(connection) } == .connectionReset)
            #expect(connection.unreadBytes == Array("torn".utf8))
        }
        #expect(try await connection.read(atMost: 100) == Array("torn".utf8))
        #expect(await code { try await Verb.atMost.read(connection) } == .connectionReset)
    }

    @Test("is thrown by reads even if another call was told of it", arguments: Kind.allCases)
    func toldToAnother(kind: Kind) async throws {
        let asked = try await kind.broken()
        // A socket that descriptors may have been passed to is closed on a thread apart.
        #expect(await eventually { (try? asked.get(.error)) == .connectionReset })
        let written = try await kind.broken()
        #expect(await eventually { await code { try await written.write("x") } != nil })
        #expect(await code { try await written.write(contentsOf: [[1]]) } != nil)
        for connection in [asked, written] {
            #expect(try await connection.read(atMost: 100) == Array("torn".utf8))
            for verb in kind.verbs {
                #expect(await code { try await verb.read(connection) } == .connectionReset)
            }
        }
    }
}
