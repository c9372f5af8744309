import AsyncSockets
import Glibc
import TestKit
import Testing

@Suite("A child that was forked off without exec", .fewAtOnce, .endsHangs)
struct ForkTests {
    @Test(
        "is told at its first wait, and can make sockets of its own",
        .enabled(if: ThreadSanitizer.isOff)
    )
    func firstWait() async {
        await #expect(processExitsWith: .success) {
            let group = try EventLoopGroup(loops: 2)
            let listener = try TCPListener.bind(to: "127.0.0.1:0", on: group)
            let socket = try UDPSocket.bind(to: "127.0.0.1:0", on: group)
            let standing = try UDPSocket.bind(to: "127.0.0.1:0")
            let child = forkProcess()
            if child == 0 {
                // No thread of the task pool has come along: nothing here may really suspend.
                alarm(20)
                let codes = [
                    await code { _ = try await listener.accept() },
                    await code { _ = try await socket.receive() },
                    await code { _ = try await standing.receive() },
                    await code {
                        try await withTimeout(.seconds(1)) { _ = try await socket.receive() }
                    },
                    await code { _ = try UDPSocket.bind(to: "127.0.0.1:0", on: group) },
                ]
                let own = await code { _ = try UDPSocket.bind(to: "127.0.0.1:0") }
                _exit(codes.allSatisfy { $0 == .notSupported } && own == nil ? 0 : 1)
            }
            var status: CInt = 0
            unsafe try #require(waitpid(child, &status, 0) == child)
            try #require(status == 0)
            listener.close()
        }
    }
}

/// fork(2), which Swift does not show: few programs survive it.
private func forkProcess() -> pid_t {
    // SAFETY: the symbol is that function.
    unsafe unsafeBitCast(dlsym(nil, "fork"), to: (@convention(c) () -> pid_t).self)()
}
