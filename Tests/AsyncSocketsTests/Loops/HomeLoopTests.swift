internal import Glibc
internal import SocketReactor
internal import SocketSystem
internal import TestKit
import Testing

@testable import AsyncSockets

/// The loop that a connection of a sharded listener joins, and the processors that loops run on.
@Suite(.fewAtOnce, .endsHangs)
struct HomeLoopTests {
    @Test("a connection stays on its shard's loop, also if the shards are handed over")
    func staysOnItsLoop() async throws {
        let group = try EventLoopGroup(loops: 3)
        let original = try shardedListener(on: group)
        try await expectHomeLoops(of: original)
        let descriptors = try original.duplicateDescriptors().map { try $0.detach() }
        original.close()
        let listener = try TCPListener(owning: descriptors, on: group)
        try await expectHomeLoops(of: listener)
    }

    /// Connects so often that a shard without a connection is out of the question.
    private func expectHomeLoops(of listener: TCPListener) async throws {
        let shards = listener.core.shards
        #expect(Set(shards.map { ObjectIdentifier($0.loop) }).count == shards.count)
        var seen: Set<Int> = []
        for _ in 0..<60 {
            let client = try await TCPConnection.connect(to: listener.localAddress)
            let (index, _) = try await accept(from: listener)
            seen.insert(index)
            client.close()
        }
        #expect(seen.count == shards.count)
    }

    /// The only connection that there is, and the shard whose loop it is on.
    private func accept(from listener: TCPListener) async throws -> (Int, TCPConnection) {
        let connection = try await listener.accept()
        let index = listener.core.shards.firstIndex { $0.loop === connection.registration.loop }
        return (try #require(index), connection)
    }

    @Test("connections that are steered go to the loop of the processor that received them")
    func steeredToProcessorsLoop() async throws {
        let group = try EventLoopGroup(loops: 2)
        let listener = try shardedListener(on: group, .perLoopByProcessor)
        let port = try #require(listener.localAddress.port)
        for number in 0..<min(availableProcessors, 8) {
            for _ in 0..<8 {
                // Over the loopback interface, a packet is received on the processor that sent it.
                let (processor, client) = await onThread {
                    ((try? pinThread(toProcessor: number)) ?? -1, BlockingPeer(connectingTo: port))
                }
                #expect(client != nil)
                let (index, _) = try await accept(from: listener)
                #expect(index == processor % 2)
            }
        }
    }

    @Test("the threads of a pinned group stay on one processor each, others on none")
    func pinnedThreadsStay() async throws {
        let free = try EventLoopGroup(loops: 1)
        let everywhere = try #require(try await processors(of: free).first)
        let pinned = try await processors(of: EventLoopGroup(loops: 2, pinned: true))
        #expect(pinned.allSatisfy { Int($0) != nil }, "\(pinned)")
        #expect(Set(pinned).count == min(2, availableProcessors))
        #expect(availableProcessors == 1 || Int(everywhere) == nil, "\(everywhere)")
    }

    /// On which processors the threads of a group's loops may run, as proc(5) writes it.
    private func processors(of group: EventLoopGroup) async throws -> [String] {
        var lists: [String] = []
        for loop in try group.started.get().loops {
            let list = await Task(executorPreference: group.taskExecutor) {
                // A task that sleeps on a loop goes on there.
                _ = try? await loop.sleep(until: .now.advanced(by: .milliseconds(1)))
                return EventLoop.current === loop ? allowedProcessors() : nil
            }.value
            lists.append(try #require(list))
        }
        return lists
    }
}

/// The processors that the calling thread may run on; nil if that is unknown.
private func allowedProcessors() -> String? {
    let descriptor = unsafe open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
    return line.flatMap { $0.split(whereSeparator: \.isWhitespace).last }.map(String.init)
}
