import AsyncSockets
import Glibc
import Synchronization
import TestKit

/// How many pairs of hosts this process has named: tests in parallel must not share one.
private let hostsNamed = Atomic<Int>(0)

/// Two network namespaces joined by a veth pair: two hosts with a cable between them.
final class TwoHosts: Sendable {
    private let name: String
    var left: String { "\(name)l" }
    var right: String { "\(name)r" }

    /// Nil if that is not allowed; the reason is printed.
    init?() {
        let number = hostsNamed.wrappingAdd(1, ordering: .relaxed).newValue
        name = "as\(getpid())-\(number)"
        let (l, r) = ("\(name)l", "\(name)r")
        let script = """
            set -e
            ip netns add \(l); ip netns add \(r)
            ip -n \(l) link add v0 type veth peer name v0 netns \(r)
            ip -n \(l) addr add 198.18.7.1/24 broadcast 198.18.7.255 dev v0
            ip -n \(r) addr add 198.18.7.2/24 broadcast 198.18.7.255 dev v0
            ip -n \(l) link set lo up; ip -n \(r) link set lo up
            ip -n \(l) link set v0 up; ip -n \(r) link set v0 up
            ip -n \(l) -6 addr add fd00:7::1/64 dev v0 nodad
            ip -n \(r) -6 addr add fd00:7::2/64 dev v0 nodad
            ip -n \(l) -6 addr add fe80::1/64 dev v0 nodad
            ip -n \(r) -6 addr add fe80::2/64 dev v0 nodad
            """
        let (status, output) = shell("sh -c '\(script)'")
        guard status == 0 else {
            print("skipped: network namespaces cannot be made here: \(output)")
            remove()
            return nil
        }
    }

    deinit { remove() }

    private func remove() {
        _ = shell("ip netns del \(left); ip netns del \(right)")
    }

    /// Runs a body on a thread that is in a namespace: sockets made there stay there.
    ///
    /// The thread comes back before anyone hears of it. A thread inherits its maker's namespace, so
    /// a worker that the runtime or the library starts from there would stay there for ever, and
    /// with it the sockets of other tests.
    func inside<Value: Sendable>(
        _ host: String,
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        // The loops' threads are started here, not by the body.
        try UDPSocket.bind(to: "127.0.0.1:0").close()
        let result: Result<Value, any Error> = await onThread {
            Result {
                let home = try Namespace(at: "/proc/thread-self/ns/net")
                let away = try Namespace(at: "/run/netns/\(host)")
                try away.enter()
                defer { try! home.enter() }
                return try body()
            }
        }
        return try result.get()
    }
}

/// A network namespace that threads can enter.
private struct Namespace: ~Copyable {
    private let path: String
    private let file: CInt

    init(at path: String) throws {
        self.path = path
        file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure(description: "no \(path): errno \(errno)") }
    }

    deinit { close(file) }

    /// Moves the calling thread.
    func enter() throws {
        typealias SetNamespace = @convention(c) (CInt, CInt) -> CInt
        let symbol = unsafe dlsym(nil, "setns")
        let enter = unsafe unsafeBitCast(symbol, to: SetNamespace.self)
        // CLONE_NEWNET
        guard enter(file, 0x4000_0000) == 0 else {
            throw Failure(description: "no way into \(path): errno \(errno)")
        }
    }
}

/// What a test could not do.
private struct Failure: Error, CustomStringConvertible {
    let description: String
}
