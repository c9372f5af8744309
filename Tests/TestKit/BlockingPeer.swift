internal import AsyncSockets
internal import Glibc
internal import Synchronization

/// A peer made of plain blocking system calls, which shares no line with the library.
///
/// Its calls block their thread: call them if the other side needs no thread of the task pool to go
/// on, or from a thread of their own (`onThread`).
package final class BlockingPeer: @unchecked Sendable {
    package let descriptor: CInt

    package init(owning descriptor: CInt) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    /// Connects to a port of 127.0.0.1.
    package init?(connectingTo port: UInt16, receiveBuffer: CInt? = nil) {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        if var size = receiveBuffer {
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0 { return nil }
    }

    /// Sends all bytes; false if the connection broke.
    @discardableResult
    package func send(_ bytes: [UInt8], flags: CInt = 0) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes {
                unsafe Glibc.send(
                    descriptor,
                    $0.baseAddress,
                    $0.count,
                    flags | CInt(MSG_NOSIGNAL)
                )
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// What has arrived; empty at the end, nil after an error.
    package func receive(atMost count: Int = 65536) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let received = unsafe bytes.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
        }
        return received < 0 ? nil : Array(bytes[..<received])
    }

    /// All that arrives until the end.
    package func receiveAll() -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = receive(), !bytes.isEmpty { all += bytes }
        return all
    }

    package func finishSending() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// From now on `deinit` sends an RST.
    package func resetOnClose() {
        var setting = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_LINGER,
            &setting,
            socklen_t(MemoryLayout<linger>.size)
        )
    }
}

/// Runs blocking code on a thread of its own.
package func onThread<Value: Sendable>(
    _ body: @escaping @Sendable () -> Value
) async -> Value {
    // ThreadSanitizer sees that the lock orders the thread's work before the task's. It does not
    // see this of a continuation, if the thread is done before the task is suspended.
    let result = ThreadResult<Value>()
    await withCheckedContinuation { continuation in
        let context = unsafe Unmanaged.passRetained(
            ThreadBody {
                let value = body()
                result.value.withLock { $0 = value }
                continuation.resume()
            }
        )
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread,
            nil,
            {
                unsafe Unmanaged<ThreadBody>.fromOpaque($0!).takeRetainedValue().run()
                return nil
            },
            context.toOpaque()
        )
        precondition(result == 0, "no thread")
        pthread_detach(thread)
    }
    guard let value = result.value.withLock({ $0 }) else { preconditionFailure("no result") }
    return value
}

private final class ThreadResult<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}

private final class ThreadBody {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}
