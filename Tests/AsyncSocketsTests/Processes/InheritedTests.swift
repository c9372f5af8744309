internal import SocketSystem
import Testing

@testable import AsyncSockets

@Suite(.timeLimit(.minutes(1)))
struct InheritedTests {
    private func parse(_ process: String?, _ count: String?, _ names: String?) -> [String] {
        InheritedDescriptors.parse(process: process, count: count, names: names, ownProcess: 42)
            .map { "\($0.number)=\($0.name)" }
    }

    @Test("LISTEN_FDS is for the process in LISTEN_PID alone")
    func parsing() {
        #expect(parse("42", "2", "http:admin") == ["3=http", "4=admin"])
        #expect(parse("42", "2", nil) == ["3=unknown", "4=unknown"])
        #expect(parse("42", "3", "a::") == ["3=a", "4=", "5="])
        #expect(parse("42", "2", "a") == ["3=a", "4=unknown"])
        #expect(parse("42", "1", "a:b") == ["3=a"])
        #expect(parse("43", "2", "http:admin").isEmpty)
        #expect(parse(nil, "2", nil).isEmpty)
        #expect(parse("42", nil, "a").isEmpty)
        for count in ["0", "-1", "two", "", "4294967297", "2147483647"] {
            #expect(parse("42", count, nil).isEmpty, "\(count)")
        }
    }

    /// The descriptors of two listeners and one that is no socket.
    private func listeners(
        _ group: EventLoopGroup
    ) throws -> (InheritedDescriptors, [SharedSocket], SocketAddress) {
        let listener = try TCPListener.bind(
            to: "127.0.0.1:0",
            options: ListenOptions(shards: .perLoop),
            on: group
        )
        let sockets = try SharedSocket.sockets(of: listener, named: "echo")
        var entries = try sockets.map { ($0.name, try $0.duplicate()) }
        entries.append(("counter", try openEventCounter().release()))
        return (InheritedDescriptors(entries), sockets, listener.localAddress)
    }

    @Test("several sockets with one name become one listener over the loops")
    func shards() async throws {
        let group = try EventLoopGroup(loops: 2)
        let (inherited, sockets, address) = try listeners(group)
        let core = try #require(
            try ListenerCore.inherited(
                named: "echo",
                families: SocketKind.internetFamilies,
                from: inherited,
                on: group
            )
        )
        let listener = TCPListener(core: core)
        #expect(listener.localAddress == address)
        #expect(core.shards.count == sockets.count)
        for _ in 0..<20 {
            async let client = TCPConnection.connect(to: address, on: group)
            _ = try await listener.accept()
            _ = try await client
        }
    }

    @Test("a descriptor of another kind is an error, and stays; a taken one is gone")
    func wrongKind() throws {
        let group = try EventLoopGroup(loops: 2)
        let (inherited, _, _) = try listeners(group)
        func take(_ name: String) throws(SocketError) -> ListenerCore? {
            try ListenerCore.inherited(
                named: name,
                families: SocketKind.internetFamilies,
                from: inherited,
                on: group
            )
        }
        #expect(throws: SocketError.self) { try take("counter") }
        #expect(try take("echo") != nil)
        #expect(try take("echo") == nil)
        #expect(try take("other") == nil)
        let rest = inherited.take(named: nil) { (_) throws(Never) in }
        #expect(rest.count == 1)
        for descriptor in rest { closeDescriptor(descriptor) }
    }
}
