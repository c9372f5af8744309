import AsyncSockets
internal import Glibc
internal import SocketSystem
import TestKit
import Testing

@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct ReadinessSourceTests {
    /// A pipe whose ends are closed with the value.
    private struct Pipe: ~Copyable {
        let reader: Descriptor
        let writer: Descriptor

        init() throws {
            let ends = try openPipe()
            reader = Descriptor(owning: ends.reader)
            writer = Descriptor(owning: ends.writer)
        }

        func write(_ count: Int) {
            let bytes = [UInt8](repeating: 1, count: count)
            unsafe #expect(Glibc.write(writer.rawValue, bytes, count) == count)
        }

        func read(_ count: Int) -> Int {
            var bytes = [UInt8](repeating: 0, count: count)
            return unsafe Glibc.read(reader.rawValue, &bytes, count)
        }
    }

    @Test("a pipe becomes readable, and stays so while bytes are left")
    func readable() async throws {
        let pipe = try Pipe()
        let source = try ReadinessSource(watching: pipe.reader.rawValue)
        async let waiting: Void = source.readable()
        pipe.write(3)
        try await waiting
        for _ in 0..<3 {
            try await source.readable()
            #expect(pipe.read(1) == 1)
        }
    }

    @Test("the end of a pipe counts as readable")
    func hangUp() async throws {
        let ends = try openPipe()
        let reader = Descriptor(owning: ends.reader)
        let source = try ReadinessSource(watching: reader.rawValue)
        async let waiting: Void = source.readable()
        closeDescriptor(ends.writer)
        try await waiting
        try await source.readable()
    }

    @Test("initially writable; a full pipe wakes its writer when it is read")
    func writable() async throws {
        let pipe = try Pipe()
        let source = try ReadinessSource(watching: pipe.writer.rawValue)
        try await source.writable()
        let chunk = [UInt8](repeating: 0, count: 65536)
        while unsafe Glibc.write(pipe.writer.rawValue, chunk, chunk.count) > 0 {}
        async let waiting: Void = source.writable()
        while pipe.read(65536) > 0 {}
        try await waiting
    }

    @Test("several tasks wait for one descriptor")
    func severalWaiters() async throws {
        let pipe = try Pipe()
        let source = try ReadinessSource(watching: pipe.reader.rawValue)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await source.readable() } }
            pipe.write(1)
            try await group.waitForAll()
        }
    }

    @Test("closing wakes who waits and leaves the watched descriptor open")
    func closing() async throws {
        let pipe = try Pipe()
        let source = try ReadinessSource(watching: pipe.reader.rawValue)
        let waiting = Task { try await source.readable() }
        source.close()
        await #expect { try await waiting.value } throws: {
            ($0 as? SocketError)?.code == .closed
        }
        #expect(source.isClosed)
        pipe.write(1)
        #expect(pipe.read(1) == 1)
    }

    @Test("loops that are shut down wake who waits, and who comes to wait")
    func shutdown() async throws {
        let pipe = try Pipe()
        let group = try EventLoopGroup(loops: 1)
        let source = try ReadinessSource(watching: pipe.reader.rawValue, on: group)
        async let waiting = code { try await source.readable() }
        await group.shutdown()
        #expect(await waiting == .closed)
        #expect(await code { try await source.readable() } == .closed)
        #expect(source.isClosed)
    }

    @Test("a deadline ends a wait, and the next one waits on")
    func deadline() async throws {
        let pipe = try Pipe()
        let source = try ReadinessSource(watching: pipe.reader.rawValue)
        let failure = await code {
            try await withTimeout(.milliseconds(20)) { try await source.readable() }
        }
        #expect(failure == .timedOut)
        async let waiting: Void = source.readable()
        pipe.write(1)
        try await waiting
    }

    @Test("cancelling ends a wait")
    func cancelling() async throws {
        let pipe = try Pipe()
        let source = try ReadinessSource(watching: pipe.reader.rawValue)
        let waiting = Task { try await source.readable() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        pipe.write(1)
        try await source.readable()
    }

    @Test("a number closed and reused behind its back is not watched")
    func reusedNumber() async throws {
        let pipe = try Pipe()
        let other = try Pipe()
        let number = dup(pipe.reader.rawValue)
        let source = try ReadinessSource(watching: number)
        // The number now means another pipe, which is readable.
        #expect(dup2(other.reader.rawValue, number) == number)
        defer { closeDescriptor(number) }
        other.write(1)
        let waiting = Task { try await source.readable() }
        pipe.write(1)
        try await waiting.value
        #expect(pipe.read(1) == 1)
    }

    @Test("a file and a number that is no descriptor are errors")
    func notWatchable() throws {
        let file = unsafe open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        defer { closeDescriptor(file) }
        let refused = #expect(throws: SocketError.self) { try ReadinessSource(watching: file) }
        #expect(refused?.errno == EPERM)
        let missing = #expect(throws: SocketError.self) { try ReadinessSource(watching: -1) }
        #expect(missing?.errno == EBADF)
    }
}
