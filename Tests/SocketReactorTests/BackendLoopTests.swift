import Glibc
import SocketReactor
import SocketSystem
import TestKit
import Testing

/// A real loop on every backend, woken by an eventfd and by a pipe.
@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct BackendLoopTests {
    static let all = PollerBackend.allCases

    static func group(_ backend: PollerBackend, usesPipe: Bool = false) throws -> LoopGroup {
        var options = LoopOptions()
        options.backend = backend
        options.usesPipeWakeup = usesPipe
        return try LoopGroup(loops: 1, options: options)
    }

    @Test(
        "Jobs from other threads arrive, many times what a pipe holds",
        arguments: all,
        [false, true]
    )
    func wakeups(backend: PollerBackend, usesPipe: Bool) async throws {
        let group = try Self.group(backend, usesPipe: usesPipe)
        // A pipe of 64 KiB is full after 8192 signals.
        for number in 0..<10_000 {
            let task = Task(executorPreference: group) { EventLoop.current === group.loops[0] }
            #expect(await task.value, "job \(number)")
        }
        await group.shutdown()
    }

    @Test("A read that waits is woken, from the loop's thread and from others", arguments: all)
    func echo(backend: PollerBackend) async throws {
        let group = try Self.group(backend)
        for executor: (any TaskExecutor)? in [group, nil] {
            let pair = try SocketPair()
            let registration = try group.loops[0].register(pair.take(pair.ours))
            let reader = Task(executorPreference: executor) {
                var total = 0
                while total < 100 { total += try await read(registration).count / 8 }
                return total
            }
            for _ in 0..<100 {
                signalWakeDescriptor(pair.theirs)
                await Task.yield()
            }
            #expect(try await reader.value == 100)
            registration.close()
        }
        await group.shutdown()
    }

    @Test(
        "A socket closed while the loop polls it is closed for its peer at once",
        arguments: all
    )
    func closeWhilePolled(backend: PollerBackend) async throws {
        let group = try Self.group(backend)
        let pair = try SocketPair()
        let registration = try group.loops[0].register(pair.take(pair.ours))
        let peer = try group.loops[0].register(pair.take(pair.theirs))
        let reader = Task { try await read(registration) }
        let atPeer = Task { try await read(peer) }
        while !group.loops[0].isParked { await Task.yield() }
        registration.close()
        await #expect(throws: OperationFailure.closed) { try await reader.value }
        #expect(try await atPeer.value.isEmpty, "the end of the stream")
        peer.close()
        await group.shutdown()
    }

    @Test("Bytes, an end of stream and a hang-up that nobody reads do not spin", arguments: all)
    func noSpinning(backend: PollerBackend) async throws {
        let group = try Self.group(backend)
        let loop = group.loops[0]
        let pair = try SocketPair()
        let registration = try loop.register(pair.take(pair.ours))
        let reader = Task(executorPreference: group) { try await read(registration) }
        while !loop.isParked { await Task.yield() }
        signalWakeDescriptor(pair.theirs)
        #expect(try await reader.value.count == 8)
        // Nobody reads from now on, though the poller watches for it.
        signalWakeDescriptor(pair.theirs)
        pair.closeTheirs()
        let start = MonotonicTime.now
        let before = await processorTime(of: group)
        while MonotonicTime.now.nanoseconds - start.nanoseconds < 50_000_000 {
            _ = try await loop.sleep(until: start.advanced(by: .milliseconds(50)))
        }
        let used = await processorTime(of: group) - before
        #expect(used < 20_000_000, "the loop was busy for \(used) ns of 50 ms")
        #expect(try await read(registration).count == 8)
        #expect(try await read(registration).isEmpty)
        registration.close()
        await group.shutdown()
    }

    @Test(
        "A connection that select cannot watch fails when it has to wait, and not before",
        .enabled(if: descriptorLimit > 2000)
    )
    func beyondSelect() async throws {
        let group = try Self.group(.select)
        let pair = try SocketPair()
        let number = try duplicate(of: pair.ours, atLeast: 1024)
        #expect(throws: OperationFailure.system(.processDescriptorLimit)) {
            let again = try duplicate(of: number, atLeast: 1024)
            _ = try group.loops[0].register(Descriptor(owning: again))
        }
        let registration = try group.loops[0].register(adopting: number, late: .always)
        for _ in 0..<2 {
            await #expect(throws: OperationFailure.system(.processDescriptorLimit)) {
                try await read(registration)
            }
        }
        registration.close()
        await #expect(throws: OperationFailure.closed) { try await read(registration) }
        await group.shutdown()
    }
}

/// One read, waiting for it.
private func read(_ registration: Registration) async throws(OperationFailure) -> [UInt8] {
    var operation = Operation(.read, .fails)
    while true {
        if try operation.begins(on: registration) {
            let (bytes, attempt) = attemptRead(registration.descriptor)
            if try operation.ends(attempt, on: registration) { return bytes }
        }
        try await operation.wait(for: registration)
    }
}

private func attemptRead(_ descriptor: CInt) -> ([UInt8], Attempt) {
    var buffer = [UInt8](repeating: 0, count: 512)
    // SAFETY: the buffer has room for what is asked for.
    let count = unsafe Glibc.read(descriptor, &buffer, 512)
    guard count >= 0 else {
        return ([], errno == EAGAIN ? .mustWait : .failed(Errno(rawValue: errno)))
    }
    let isDrained = count > 0 && count < 512
    return ([UInt8](buffer[..<count]), .done(leaving: isDrained ? .nothing : .unknown))
}

/// How many nanoseconds the loop's thread has run.
private func processorTime(of group: LoopGroup) async -> Int64 {
    await Task(executorPreference: group) { threadProcessorTime() }.value
}
